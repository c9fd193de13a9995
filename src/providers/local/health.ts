/** Observes the health of an instance's members: the status of each, since when it lasts, and what people should look at. */
import { type ProviderMember, UNOBSERVED_MEMBER } from "../member.js";
import { type Finding } from "../provider.js";
import { higherSettings } from "./equal-settings.js";
import { type Host } from "./host.js";
import { type LocalInstance, type LocalMember, primaryOf } from "./instance-file.js";
import { memberComplaint } from "./member-log.js";
import { clusterOf, memberName, memberProcessName } from "./members.js";
import { observe } from "./observe.js";
import {
  askPrimaryReplication,
  askStandbyReplication,
  isReplicationAhead,
  type PrimaryReplication,
} from "./replication.js";

export type MemberHealth = Omit<ProviderMember, "name" | "role" | "endpoint">;

/** A restart or a reconnect takes less than this, and is no finding. */
const PASSING_MS = 10_000;
/** A replay that has not advanced for this long is blocked. */
const STUCK_MS = 30_000;

type Look = Omit<MemberHealth, "since"> & {
  readonly finding?: Finding | undefined;
  /** True where the finding may pass by itself. */
  readonly mayPass?: boolean | undefined;
};

/** Creates the observer, which remembers since when each member has its status. */
export function createHealths(host: Host) {
  const timeoutMs = host.limits.answerTimeoutMs;
  /** The last status of each member, by the name of its processes. */
  const statuses = new Map<string, { readonly status: string; readonly sinceMs: number }>();
  /** The position that each standby has replayed, and since when it has not advanced. */
  const replays = new Map<string, { readonly replayed: number; readonly sinceMs: number }>();
  const nowMs = () => host.clock.now().getTime();

  function unchangedMs(key: string, replayed: number): number {
    const last = replays.get(key);
    if (last?.replayed !== replayed) replays.set(key, { replayed, sinceMs: nowMs() });
    return last?.replayed === replayed ? nowMs() - last.sinceMs : 0;
  }

  async function look(
    instance: LocalInstance,
    member: LocalMember,
    primary: Promise<PrimaryReplication | null>,
  ): Promise<Look> {
    const name = memberName(instance, member);
    const key = memberProcessName(instance.providerId, member.name);
    const cluster = clusterOf(host, instance, member);
    const unwell = (status: string, lastError: string | null): Look => ({
      ...UNOBSERVED_MEMBER,
      status,
      replaying: false,
      lastError,
    });
    const warning = (kind: string, detail: string): Finding => ({ kind, severity: "WARNING", subject: name, detail });

    const fault = host.faults.get(key);
    if (member.stale) {
      const look = unwell("rebuilding", fault ?? null);
      if (!fault) return look;
      return {
        ...look,
        finding: warning("standby_not_rebuilt", `${name} cannot be built anew: ${fault} It is tried again.`),
      };
    }
    const seen = await observe(cluster, timeoutMs);
    if (seen.is === "starting") return unwell("starting", seen.reason);
    const standbyState =
      seen.is === "answering" ? await askStandbyReplication(cluster, timeoutMs).catch(() => null) : null;
    if (!standbyState) {
      const reason = seen.is === "answering" ? "It does not answer." : seen.reason;
      const lastError = seen.is === "down" ? `${reason} ${fault ?? (await memberComplaint(cluster))}` : reason;
      const remedy =
        seen.is === "down"
          ? "Postern tries to start it every minute."
          : "A frozen server is left to people: wake it, or end its process.";
      return {
        ...unwell("failed", lastError),
        finding: warning("standby_failed", `${name} cannot take over: ${lastError} ${remedy}`),
        mayPass: true,
      };
    }
    if (!standbyState.inRecovery) return unwell("failed", "It takes writes, though it is not the primary.");

    const primaryState = await primary;
    const lagBytes = primaryState && Math.max(0, primaryState.written - standbyState.replayed);
    const lagSeconds =
      lagBytes === 0 || (standbyState.isStreaming && standbyState.replayed >= standbyState.received)
        ? 0
        : standbyState.age;
    const lagging = { lagBytes, lagSeconds };
    const stuckForMs = unchangedMs(key, standbyState.replayed);
    const stopped = (status: string, lastError: string, remedy: string): Look => ({
      ...unwell(status, lastError),
      ...lagging,
      finding: warning(
        "standby_not_replaying",
        `${name} does not replay what its primary writes, and cannot take over. ${lastError} ${remedy}`,
      ),
    });
    if (standbyState.isPaused) {
      const missing = Object.entries(primaryState ? higherSettings(primaryState.settings, standbyState.settings) : {});
      if (missing.length === 0) {
        const remedy = "Whoever paused it can resume it: `select pg_wal_replay_resume()` on the standby.";
        return stopped("paused", "Its replay is paused.", remedy);
      }
      const lastError = `Its replay is paused: it has less ${missing.map(([setting]) => setting).join(" and ")} than its primary.`;
      const remedy = `Postern gives it ${missing.map(([setting, value]) => `${setting} = ${value}`).join(", ")} within a minute, and restarts it.`;
      return stopped("paused", lastError, remedy);
    }
    if (standbyState.replayed < standbyState.received && stuckForMs >= STUCK_MS) {
      const { oldest } = standbyState;
      const blocker = oldest ? `The session ${oldest.pid} has a transaction open on it for ${oldest.seconds} s.` : "";
      const remedy =
        "A transaction on the standby may hold its replay up: end its session with `select pg_terminate_backend(...)`.";
      return stopped("catching-up", `Its replay stands still. ${blocker}`.trim(), remedy);
    }
    if (
      primaryState &&
      standbyState.replayed > primaryState.written &&
      (await isReplicationAhead(host, instance, standbyState).catch(() => false))
    ) {
      const lastError = "It has what its primary never had: the data of one of them were replaced.";
      return stopped("failed", lastError, "Postern builds it anew within a minute.");
    }
    if (!standbyState.isStreaming) {
      const lastError = `It receives nothing from its primary. ${await memberComplaint(cluster)}`;
      const remedy = "Postern repairs its role, its slot or its data by itself; other causes are left to people.";
      return {
        ...unwell("catching-up", lastError),
        ...lagging,
        finding: warning("standby_disconnected", `${name} does not receive new writes. ${lastError} ${remedy}`),
        mayPass: true,
      };
    }
    return { ...lagging, status: "available", replaying: true, lastError: null };
  }

  /** @returns since when the member has this status */
  function sinceMs(key: string, status: string): number {
    const last = statuses.get(key);
    if (last?.status === status) return last.sinceMs;
    statuses.set(key, { status, sinceMs: nowMs() });
    return nowMs();
  }

  return {
    /** @param status the status of the instance, which is also its primary's */
    async of(
      instance: LocalInstance,
      status: Promise<string>,
    ): Promise<{ members: MemberHealth[]; findings: Finding[] }> {
      const findings: Finding[] = [];
      const primaryAnswer =
        instance.members.length > 1 && askPrimaryReplication(clusterOf(host, instance, primaryOf(instance)), timeoutMs);
      const primary = Promise.resolve(primaryAnswer || null).catch(() => null);
      const members = instance.members.map(async (member): Promise<MemberHealth> => {
        const isPrimary = member.name === instance.primary;
        const isWanted = instance.wanted === "running";
        const { finding, mayPass, ...rest } =
          isPrimary || !isWanted
            ? {
                ...UNOBSERVED_MEMBER,
                finding: undefined,
                mayPass: undefined,
                status: isWanted ? await status : "stopped",
              }
            : await look(instance, member, primary);
        const since = sinceMs(memberProcessName(instance.providerId, member.name), rest.status);
        if (finding && (!mayPass || nowMs() - since >= PASSING_MS)) findings.push(finding);
        return { ...rest, since: new Date(since).toISOString() };
      });
      return { members: await Promise.all(members), findings };
    },
  };
}
