/** Performs STOP_INSTANCE and START_INSTANCE. instance.json says which was last wanted, and every start of Postern goes by that. */
import { bringUp } from "./bring-up.js";
import type { Host } from "./host.js";
import { type LocalInstance, primaryOf, standbysOf } from "./instance-file.js";
import type { EntryOutcome } from "./journal-entry.js";
import { clusterOf, fenceMember, memberName } from "./members.js";
import { isObservedFailed, observe } from "./observe.js";
import { checkpointBeforeReboot } from "./reboot.js";
import { takeOverStartFailed } from "./take-over.js";
import type { LocalTask, TaskRequestOf } from "./task.js";

/** Shuts the servers of an instance down, the primary first: it sends all its WAL to its standby before it ends. */
export async function stopServers(host: Host, instance: LocalInstance): Promise<void> {
  for (const member of [primaryOf(instance), ...standbysOf(instance)]) {
    // A server that cannot be observed is shut down all the same.
    const failed = await observe(clusterOf(host, instance, member), host.limits.answerTimeoutMs).then(
      isObservedFailed,
      () => false,
    );
    await fenceMember(host, instance.providerId, member.name, failed ? "little" : "normal");
  }
}

/** Stops an instance, with a checkpoint while clients are still in, so that the shutdown has little left to write. */
export async function performStop(task: LocalTask<TaskRequestOf<"STOP_INSTANCE">>): Promise<EntryOutcome> {
  const { host, instance } = task;
  const primary = clusterOf(host, instance, primaryOf(instance));
  const seen = await observe(primary, host.limits.answerTimeoutMs).catch(() => null);
  if (seen?.is === "answering") {
    await checkpointBeforeReboot(primary).catch((error) =>
      host.log.warn({ err: error, instance: instance.identifier }, "An instance is stopped without a checkpoint"),
    );
  }
  await task.record({ message: `Stopping ${instance.identifier}.` });
  // From here on it is stopped, whoever goes on.
  await host.instances.update(instance.providerId, (now) => ({ ...now, wanted: "stopped" }));
  host.log.info({ instance: instance.identifier }, "The stop is decided");
  return finishStop(host, instance);
}

/** Stops what still runs of an instance that is to be stopped. */
export async function finishStop(host: Host, instance: LocalInstance): Promise<EntryOutcome> {
  await stopServers(host, instance);
  const result = { stoppedAt: host.clock.now().toISOString(), startsAgainAt: null };
  return { message: `${instance.identifier} is stopped.`, result, resourceStatus: "stopped" };
}

/** Starts an instance. If it does not come up, it has failed, and is wanted all the same. */
export async function performStart(task: LocalTask<TaskRequestOf<"START_INSTANCE">>): Promise<EntryOutcome> {
  const { host, instance } = task;
  const { providerId, identifier } = instance;
  await task.record({ message: `Starting ${identifier}.` });
  await host.instances.update(providerId, (now) => ({ ...now, wanted: "running" }));
  host.log.info({ instance: identifier }, "The start is decided");
  try {
    await bringUp(host, providerId);
  } catch (error) {
    throw takeOverStartFailed(identifier, error);
  }
  return startDone(host, (await host.instances.find(providerId)) ?? instance);
}

/** @returns the outcome of a start, once the primary takes writes */
export function startDone(host: Host, instance: LocalInstance): EntryOutcome {
  const primary = memberName(instance, primaryOf(instance));
  const result = { startedAt: host.clock.now().toISOString(), primary };
  return { message: `${instance.identifier} is started; ${primary} is the primary.`, result };
}
