/** Completes a change of the class that instance.json has decided: it restarts the servers in their order, or goes back.
 *
 * For example, the pair a (primary) and b goes from local.micro to local.small, which takes more clients:
 *   decide    instance.json says local.small, and `classChange` says from which class, and which runs of a and b had that
 *   restart   b first: a standby with fewer connections than its primary replays nothing. Then a. (To a smaller class, a goes first.)
 *   complete  `classChange` goes
 * Whoever finds `classChange` after a kill goes on: it restarts what still is in its run of before. Where PostgreSQL does not start,
 * the same is decided backwards, with the reason, and the change has failed.
 */
import { StillStartingError } from "../../postgres/last-words.js";
import { findPostmaster } from "../../postgres/postmaster.js";
import { OperationFailureError } from "../errors.js";
import { bringUp } from "./bring-up.js";
import { type LocalClassName, localClass } from "./classes.js";
import { type Host, hostFaultText } from "./host.js";
import { type LocalInstance, type LocalMember, primaryOf, standbysOf } from "./instance-file.js";
import { clusterOf, fenceMember, memberName } from "./members.js";
import { isObservedFailed, observe } from "./observe.js";
import { preflightReplay } from "./preflight.js";
import { startWithGroup } from "./proven-group.js";
import { checkpointBeforeReboot } from "./reboot.js";
import { takeOverStartFailed } from "./take-over.js";
import { taskSecondsSince } from "./task.js";

type Change = NonNullable<LocalInstance["classChange"]>;

/** @returns the instance as it is with a class */
export const withClass = <I extends LocalInstance>(instance: I, instanceClass: LocalClassName): I => ({
  ...instance,
  instanceClass,
  maxConnections: localClass(instanceClass).maxConnections,
});

/** From here on the class is in force, whoever goes on. */
export async function decideClass(
  host: Host,
  instance: LocalInstance,
  wanted: LocalClassName,
  requestedAt: string | null,
): Promise<void> {
  const runs = await runsOf(host, instance);
  await host.instances.update(instance.providerId, (now) => ({
    ...withClass(now, wanted),
    pendingInstanceClass: null,
    classChange: { from: formerOf(now), runs, requestedAt },
  }));
}

const formerOf = ({ instanceClass, maxConnections }: LocalInstance): Change["from"] => ({
  instanceClass,
  maxConnections,
});

/** @returns the runs of the servers by member, also of one that starts or does not answer */
async function runsOf(host: Host, instance: LocalInstance): Promise<Change["runs"]> {
  const runs = await Promise.all(
    instance.members.map(async (member) => {
      const running = await findPostmaster(clusterOf(host, instance, member).dataDir);
      return running ? [[member.name, running.run] as const] : [];
    }),
  );
  return Object.fromEntries(runs.flat());
}

/**
 * Completes a change that was decided; without one it does nothing.
 * @returns for how many seconds the primary was away; null where it was not restarted
 * @throws OperationFailureError where PostgreSQL does not start with the class, which is then put back
 */
export async function completeClassChange(
  host: Host,
  providerId: string,
  signal?: AbortSignal,
): Promise<number | null> {
  const instance = await host.instances.find(providerId);
  const change = instance?.classChange;
  if (!instance || !change || instance.wanted === "stopped") return null;
  let awaySeconds: number | null;
  try {
    awaySeconds = await restartAll(host, instance, change, signal);
  } catch (error) {
    if (signal?.aborted) throw error;
    // A long recovery is not cut short: the change is completed once it is over.
    if (error instanceof StillStartingError) throw takeOverStartFailed(instance.identifier, error);
    if (change.backBecause !== undefined) throw takeOverStartFailed(instance.identifier, error);
    host.log.error({ err: error, instance: instance.identifier }, "The class is put back");
    await goBack(host, instance, change, hostFaultText(error));
    return completeClassChange(host, providerId, signal);
  }
  await tellOfWindow(host, instance, change);
  await host.instances.update(providerId, ({ classChange: _, ...now }) => now);
  if (change.backBecause === undefined) return awaySeconds;
  throw new OperationFailureError(
    "StartFailed",
    `${instance.identifier} does not start with ${change.from.instanceClass}, and has ${instance.instanceClass} again. ${change.backBecause}`,
  );
}

async function goBack(host: Host, instance: LocalInstance, change: Change, backBecause: string): Promise<void> {
  const runs = await runsOf(host, instance);
  await host.instances.update(instance.providerId, (now) => ({
    ...now,
    ...change.from,
    maxConnections: change.from.maxConnections,
    classChange: { ...change, from: formerOf(now), runs, backBecause },
  }));
}

async function restartAll(
  host: Host,
  instance: LocalInstance,
  { from, runs }: Change,
  signal?: AbortSignal,
): Promise<number | null> {
  const isRaised = (instance.maxConnections ?? 0) > (from.maxConnections ?? 0);
  const standbys = standbysOf(instance).filter(({ stale }) => !stale);
  if (isRaised) for (const member of standbys) await restart(host, instance, member, runs, signal);
  const primary = primaryOf(instance);
  const cluster = clusterOf(host, instance, primary);
  let awaySince: string | null = null;
  if (await isStillIn(runs, host, instance, primary)) {
    const hasFailed = isObservedFailed(await observe(cluster, host.limits.answerTimeoutMs));
    if (!hasFailed)
      await checkpointBeforeReboot(cluster).catch((error) =>
        host.log.warn({ err: error, instance: instance.identifier }, "The class changes without a checkpoint"),
      );
    awaySince = host.clock.now().toISOString();
    await fenceMember(host, instance.providerId, primary.name, hasFailed ? "little" : "normal");
  }
  await bringUp(host, instance.providerId, signal);
  const awaySeconds = awaySince === null ? null : taskSecondsSince(awaySince, host.clock.now());
  if (isRaised) return awaySeconds;
  for (const member of standbys) {
    // It would keep the connections that its primary had, until it has replayed that there are fewer now.
    await preflightReplay(host, instance, member).catch((error) =>
      host.log.warn({ err: error, instance: instance.identifier }, "A standby restarts before it has caught up"),
    );
    await restart(host, instance, member, runs, signal);
  }
  return awaySeconds;
}

/** Restarts a standby that runs with the class before, in whatever state it is. One that is down, bringUp() starts. */
async function restart(
  host: Host,
  instance: LocalInstance,
  member: LocalMember,
  runs: Change["runs"],
  signal?: AbortSignal,
): Promise<void> {
  if (!(await isStillIn(runs, host, instance, member))) return;
  host.log.info({ instance: instance.identifier }, `Restarting the standby ${memberName(instance, member)}`);
  const cluster = clusterOf(host, instance, member);
  const hasFailed = isObservedFailed(await observe(cluster, host.limits.answerTimeoutMs));
  await fenceMember(host, instance.providerId, member.name, hasFailed ? "little" : "normal");
  await startWithGroup(host, instance, member, signal).catch((error) => {
    // It has the class, and the other servers need not wait for its recovery.
    if (!(error instanceof StillStartingError)) throw error;
  });
}

async function isStillIn(runs: Change["runs"], host: Host, instance: LocalInstance, member: LocalMember) {
  const running = await findPostmaster(clusterOf(host, instance, member).dataDir);
  return running !== undefined && running.run === runs[member.name];
}

/** Reports what the maintenance window has brought. After a kill before the end it is reported again. */
async function tellOfWindow(host: Host, instance: LocalInstance, change: Change): Promise<void> {
  const { requestedAt, from, backBecause } = change;
  if (requestedAt === null) return;
  const isBack = backBecause !== undefined;
  const [before, after] = [from.instanceClass, instance.instanceClass];
  const result = isBack
    ? { from: after, instanceClass: before, requestedAt, reason: backBecause }
    : { from: before, instanceClass: after, requestedAt };
  await reportClass(host, instance, result, !isBack);
}

/** Reports what became of a class that waited for the maintenance window. */
export const reportClass = (
  { report }: Host,
  { providerId }: LocalInstance,
  result: Readonly<Record<string, unknown>>,
  success: boolean,
) => report({ providerId, by: "maintenance", action: "instance.applyInstanceClass", result, success });
