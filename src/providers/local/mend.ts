/** Mends standbys without people: settings that are too low, a missing replication role, data that can never follow. */
import { findPostmaster } from "../../postgres/postmaster.js";
import { carryEqualSettings } from "./equal-settings.js";
import { type Host } from "./host.js";
import { type LocalInstance, type LocalMember, primaryOf, standbysOf } from "./instance-file.js";
import { recentMemberLogLines } from "./member-log.js";
import { clusterOf, memberProcessName, setLocalMembersStale } from "./members.js";
import { askStandbyReplication, isReplicationAhead, type StandbyReplication } from "./replication.js";
import { restoreReplicationRole } from "./replication-role.js";
import { isStandbyBeyondRepair } from "./standbys.js";

/** PostgreSQL logs these messages where the primary refuses the replication role. */
const LACKS_ROLE =
  /role "postern_replication" (does not exist|is not permitted to log in)|password authentication failed for user "postern_replication"|(must be superuser or replication role|permission denied) to (start WAL sender|use replication slots)/i;
/** PostgreSQL logs these messages where the data of a standby can never follow its primary any more. */
const LACKS_HISTORY =
  /new timeline \d+ (forked off|is not a child)|requested timeline \d+|highest timeline \d+ of the primary|is ahead of the WAL flush position|WAL segment \S+ has already been removed|database system identifier differs|WAL .* could not be decoded/i;
/** With these faults a new clone of the primary would not start either. */
const SAME_AFTER_CLONE =
  /could not bind|could not create any TCP|No space left|configuration file|Permission denied|shared memory|out of memory|lock file|insufficient parameter settings|did not start within|is full/i;

/** Whether a standby needs mending. A server that runs but does not answer is left to people. @throws Error when the primary does not answer */
export async function needsMending(host: Host, instance: LocalInstance): Promise<boolean> {
  const checks = standbysOf(instance)
    .filter(({ stale }) => !stale)
    .map(async (member) => {
      const state = await stateOf(host, instance, member);
      if (!state) return isDown(host, instance, member);
      return state.isPaused || !state.isStreaming || (await isReplicationAhead(host, instance, state));
    });
  return (await Promise.all(checks)).includes(true);
}

/**
 * Mends every standby that is not stale.
 *
 * For example, the standby b:
 *   runs with a lower max_locks_per_transaction than the primary  -> is given more, and restarted
 *   logs "password authentication failed" for its role            -> the role is made anew on the primary, and b reconnects
 *   logs "has already been removed", or its slot is lost          -> is marked stale; the rebuild then clones it from the primary
 *   is paused, although its settings suffice                      -> is left alone: somebody paused it
 * @returns what was done to which member, in a few words @throws Error when the primary does not answer
 */
export async function mendStandbys(
  host: Host,
  instance: LocalInstance,
  signal?: AbortSignal,
): Promise<Record<string, unknown>> {
  const primary = clusterOf(host, instance, primaryOf(instance));
  const settings = await carryEqualSettings(host, instance, signal);
  const mended: Record<string, unknown> = { ...settings };
  for (const member of standbysOf(instance).filter(({ stale, name }) => !stale && !settings[name])) {
    const state = await stateOf(host, instance, member);
    const complaints = state && !state.isStreaming ? await recentMemberLogLines(clusterOf(host, instance, member)) : [];
    if ((await canNeverFollow(host, instance, member, state)) || complaints.some((line) => LACKS_HISTORY.test(line))) {
      await setLocalMembersStale(host, instance.providerId, [member.name]);
      mended[member.name] = "is built anew: its data cannot follow";
    } else if (complaints.some((line) => LACKS_ROLE.test(line))) {
      await restoreReplicationRole(primary, { timeoutMs: host.limits.catchUpTimeoutMs });
      mended[member.name] = "the role that it connects as was made anew";
    }
  }
  return mended;
}

const stateOf = (host: Host, instance: LocalInstance, member: LocalMember): Promise<StandbyReplication | null> =>
  askStandbyReplication(clusterOf(host, instance, member), host.limits.answerTimeoutMs).catch(() => null);

const isDown = async (host: Host, instance: LocalInstance, member: LocalMember): Promise<boolean> =>
  (await findPostmaster(clusterOf(host, instance, member).dataDir)) === undefined;

async function canNeverFollow(
  host: Host,
  instance: LocalInstance,
  member: LocalMember,
  state: StandbyReplication | null,
): Promise<boolean> {
  const primary = clusterOf(host, instance, primaryOf(instance));
  if (await isStandbyBeyondRepair(primary, member, host.limits.answerTimeoutMs)) return true;
  if (state) return isReplicationAhead(host, instance, state);
  const fault = host.faults.get(memberProcessName(instance.providerId, member.name));
  return fault !== undefined && !SAME_AFTER_CLONE.test(fault) && (await isDown(host, instance, member));
}
