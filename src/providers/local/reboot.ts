/** REBOOT_INSTANCE: the primary is restarted, or its standby takes over. */
import { setTimeout as delay } from "node:timers/promises";
import type { Cluster } from "../../cluster/cluster.js";
import { asSuperuser } from "../../cluster/connection.js";
import { parsePosition, readControlFile } from "../../cluster/control-file.js";
import { OperationFailure } from "../errors.js";
import { bringUp, promote } from "./bring-up.js";
import type { Outcome } from "./entry.js";
import { clusterOf, fenceMember, memberName, processName } from "./host.js";
import { type LocalMember, primaryOf, standbysOf } from "./instances.js";
import { type Observation, observe, observeReplication, untilAnswering } from "./observe.js";
import { type RequestOf, secondsSince, type Task } from "./task.js";

type Reboot = Task<RequestOf<"REBOOT_INSTANCE">>;

const ANSWER_TIMEOUT_MS = 30_000;
const REPLAY_TIMEOUT_MS = 10_000;
const CHECKPOINT_TIMEOUT_MS = 30_000;
/** A standby that is further behind would keep clients out for too long. */
const MAX_LAG_BYTES = 16 * 1024 * 1024;
const POLL_MS = 20;

/** Restarts the primary. One that is down or frozen is restarted too: that is what a reboot is for. */
export async function restart(task: Reboot): Promise<Outcome> {
  const { host, instance } = task;
  const member = primaryOf(instance);
  const cluster = clusterOf(host, instance, member);
  const before = await observe(cluster, host.limits.answerTimeoutMs);
  if (before.is === "answering") await checkpoint(cluster);

  const awaySince = host.clock.now().toISOString();
  const rebootOf = before.is === "answering" ? before.startedAt : null;
  await task.record({ message: `Restarting ${memberName(instance, member)}.`, awaySince, rebootOf });
  await fenceMember(host, instance.providerId, member.name, before.is === "silent" ? "little" : "normal");
  try {
    await bringUp(host, instance.providerId);
    await untilAnswering(cluster, ANSWER_TIMEOUT_MS);
  } catch (error) {
    throw startFailed(instance.identifier, error);
  }
  const awaySeconds = secondsSince(awaySince, host.clock.now());
  return {
    message: `The instance was restarted; it was away for ${awaySeconds} s.${before.is === "answering" ? "" : ` ${before.reason}`}`,
    result: { awaySeconds, failedOver: false, primary: memberName(instance, member) },
  };
}

/**
 * Hands over to the standby. Until instance.json names it the primary, the old one can come back; from then on only the
 * standby can. The old primary is down before, and is never started again: it is cloned anew.
 */
export async function failOver(task: Reboot): Promise<Outcome> {
  const { host, instance } = task;
  const [from, to] = [primaryOf(instance), standbysOf(instance)[0]];
  if (!to)
    throw new OperationFailure("InvalidDBInstanceState", "The instance has no standby. Reboot it without failover.");
  const [oldPrimary, standby] = [clusterOf(host, instance, from), clusterOf(host, instance, to)];
  const before = await observe(oldPrimary, host.limits.answerTimeoutMs);
  await requireFit(task, before, to);
  if (before.is === "answering") await checkpoint(oldPrimary);

  const awaySince = host.clock.now().toISOString();
  const [oldName, newName] = [memberName(instance, from), memberName(instance, to)];
  await task.record({ message: `Shutting ${oldName} down.`, awaySince, failoverTo: to.name });
  try {
    // A fast shutdown ends only when the standby has everything.
    await fenceMember(host, instance.providerId, from.name, before.is === "silent" ? "little" : "normal");
    await untilReplayed(oldPrimary, standby, newName, before);
    await task.record({ message: `Promoting ${newName}.` });
    // The decision, and the only one: whoever finds this line promotes the standby.
    await host.instances.update(instance.providerId, (now) => ({
      ...now,
      primary: to.name,
      members: now.members.map((member) => (member.name === from.name ? { ...member, stale: true } : member)),
    }));
    host.log.info({ instance: instance.identifier, primary: newName }, "The failover is decided");
    await promote(standby);
  } catch (error) {
    await bringUp(host, instance.providerId).catch((cause) => Promise.reject(startFailed(instance.identifier, cause)));
    // Back to the old primary, or on to the new one: as decided.
    if ((await host.instances.find(instance.providerId))?.primary !== to.name) throw error;
  }
  const awaySeconds = secondsSince(awaySince, host.clock.now());
  host.log.info({ instance: instance.identifier, primary: newName }, "The failover is done");
  return {
    message: `${newName} is the primary; the instance was away for ${awaySeconds} s. ${oldName} is being rebuilt.${lossOf(before)}`,
    result: { awaySeconds, failedOver: true, primary: newName },
  };
}

async function requireFit({ host, instance }: Reboot, before: Observation, to: LocalMember): Promise<void> {
  const name = memberName(instance, to);
  const standby = clusterOf(host, instance, to);
  if (to.stale) throw unfit(`The standby ${name} is being rebuilt. Wait until it is done.`);
  const observed = await observe(standby, host.limits.answerTimeoutMs);
  if (observed.is !== "answering")
    throw unfit(`The standby ${name} cannot take over. ${observed.reason} A reboot without failover starts it again.`);
  if (!observed.inRecovery) throw unfit(`The standby ${name} does not follow its primary.`);
  const primary = clusterOf(host, instance, primaryOf(instance));
  if (before.is === "answering") {
    const application = processName(instance.providerId, to.name);
    const look = () => observeReplication(primary, application, host.limits.answerTimeoutMs);
    // After a restart of the primary, its standby takes a moment to come back.
    const deadline = Date.now() + REPLAY_TIMEOUT_MS;
    let seen = await look();
    while (seen.lagBytes > MAX_LAG_BYTES && Date.now() < deadline) {
      await delay(POLL_MS);
      seen = await look();
    }
    if (!seen.isStreaming)
      throw unfit(`The standby ${name} does not stream from its primary. See the log of its server.`);
    if (seen.lagBytes > MAX_LAG_BYTES)
      throw unfit(`The standby ${name} is ${seen.lagBytes} bytes behind. Wait for it.`);
    return;
  }
  // Nobody can tell how much such a standby misses, but from here on it would miss what is certain to have been there.
  const { checkpoint } = await readControlFile(primary.dataDir);
  if ((await replayed(standby)) >= checkpoint) return;
  throw unfit(`The primary is down, and the standby ${name} misses much of what it had. Reboot without failover.`);
}

/**
 * After a clean shutdown: the standby has replayed all there is. After the end of a server that was down or silent before, it has
 * what it has; but one that answered hands over everything, or keeps its place.
 */
async function untilReplayed(oldPrimary: Cluster, standby: Cluster, name: string, before: Observation): Promise<void> {
  const { isShutDown, checkpoint } = await readControlFile(oldPrimary.dataDir);
  if (!isShutDown && before.is === "answering") {
    throw unfit(`The primary did not shut down in order, so ${name} may miss what it had; it was started again.`);
  }
  if (!isShutDown) return;
  const deadline = Date.now() + REPLAY_TIMEOUT_MS;
  while ((await replayed(standby)) <= checkpoint) {
    if (Date.now() > deadline)
      throw unfit(`The standby ${name} did not receive everything; the primary was started again.`);
    await delay(POLL_MS);
  }
}

/** The end of the last record that was replayed. */
async function replayed(standby: Cluster): Promise<bigint> {
  const [row] = await asSuperuser(standby, (sql) => sql`select pg_last_wal_replay_lsn()::text as position`, {
    timeoutMs: REPLAY_TIMEOUT_MS,
  });
  return parsePosition(row?.position ?? "0/0");
}

/** While clients are still in, so that the shutdown has little left to write. */
const checkpoint = (cluster: Cluster) =>
  asSuperuser(cluster, (sql) => sql`checkpoint`, { timeoutMs: CHECKPOINT_TIMEOUT_MS });

function lossOf(before: Observation): string {
  if (before.is === "answering") return "";
  return ` ${before.reason} What the old primary had not yet handed on is lost.`;
}

const unfit = (message: string) => new OperationFailure("StandbyUnavailable", message);

const startFailed = (identifier: string, cause: unknown) =>
  new OperationFailure("StartFailed", `${identifier} does not come up again. The log of its server says why.`, cause);
