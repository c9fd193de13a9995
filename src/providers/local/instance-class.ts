/** Performs MODIFY_INSTANCE_CLASS, at once or when the maintenance window comes. */
import { isWithinWindow, maintenanceWindowOf } from "../../values/windows.js";
import { OperationFailureError } from "../errors.js";
import { completeClassChange, decideClass, reportClass, withClass } from "./class-change.js";
import { LOCAL_CLASSES, type LocalClassName, localClass } from "./classes.js";
import type { Host } from "./host.js";
import { type LocalInstance, primaryOf } from "./instance-file.js";
import type { EntryOutcome } from "./journal-entry.js";
import { clusterOf } from "./members.js";
import { observe } from "./observe.js";
import { preflightRestart } from "./preflight.js";
import { type LocalTask, type TaskRequestOf, taskFailureOf } from "./task.js";

export async function modifyInstanceClass(
  task: LocalTask<TaskRequestOf<"MODIFY_INSTANCE_CLASS">>,
): Promise<EntryOutcome> {
  const { host, request } = task;
  const { providerId, identifier } = task.instance;
  const wanted = requireClass(request.instanceClass);
  // A change before may be incomplete, because a server was still starting.
  const completedIn = await completeClassChange(host, providerId);
  const instance = (await host.instances.find(providerId)) ?? task.instance;
  if (wanted === instance.instanceClass) {
    await task.record({ message: `Keeping the class of ${identifier}.` });
    return outcomeOf(await withoutPending(host, instance), completedIn);
  }
  await requireMemory(host, instance, wanted);
  if (!request.applyImmediately) return outcomeOf(await waitForWindow(host, instance, wanted));
  await preflight(host, instance, wanted);
  await task.record({ message: `Changing the class of ${identifier} to ${wanted}.` });
  await decideClass(host, instance, wanted, null);
  host.log.info({ instance: identifier }, "The class is decided");
  const awaySeconds = await completeClassChange(host, providerId);
  return outcomeOf((await host.instances.find(providerId)) ?? instance, awaySeconds);
}

/** @returns how an operation has ended that a kill cut short @throws OperationFailureError where the class is put back */
export async function endOfInterruptedClassChange(
  host: Host,
  { providerId }: LocalInstance,
  { instanceClass, applyImmediately }: TaskRequestOf<"MODIFY_INSTANCE_CLASS">,
): Promise<EntryOutcome | null> {
  await completeClassChange(host, providerId);
  const now = (await host.instances.find(providerId))!;
  if (now.instanceClass === instanceClass) return outcomeOf(await withoutPending(host, now));
  const isPending = !applyImmediately && now.pendingInstanceClass?.instanceClass === instanceClass;
  return isPending ? outcomeOf(now) : null;
}

/** Takes back the class that waits for the maintenance window. */
async function withoutPending({ instances }: Host, instance: LocalInstance): Promise<LocalInstance> {
  const after = await instances.update(instance.providerId, (now) => ({ ...now, pendingInstanceClass: null }));
  return after ?? instance;
}

function outcomeOf(instance: LocalInstance, awaySeconds: number | null = null): EntryOutcome {
  const { identifier, instanceClass } = instance;
  const pendingInstanceClass = instance.pendingInstanceClass?.instanceClass ?? null;
  return {
    message:
      pendingInstanceClass === null
        ? `The class of ${identifier} is ${instanceClass}.`
        : `The class of ${identifier} becomes ${pendingInstanceClass} in the maintenance window.`,
    result: { instanceClass, pendingInstanceClass, ...(awaySeconds !== null && { awaySeconds }) },
  };
}

function requireClass(name: string): LocalClassName {
  const found = LOCAL_CLASSES.find((each) => each === name);
  if (found) return found;
  throw new OperationFailureError("InvalidParameterValue", `The classes are ${LOCAL_CLASSES.join(", ")}.`);
}

/** @throws OperationFailureError where the class grows, and this host has not the memory for all instances then */
async function requireMemory({ instances, limits }: Host, instance: LocalInstance, wanted: LocalClassName) {
  if (localClass(wanted).memoryMiB <= localClass(instance.instanceClass).memoryMiB) return;
  const others = (await instances.list()).filter(({ providerId }) => providerId !== instance.providerId);
  const all = [...others, { ...instance, instanceClass: wanted }];
  const neededMiB = all
    .map(({ instanceClass, members }) => localClass(instanceClass).memoryMiB * members.length)
    .reduce((sum, memoryMiB) => sum + memoryMiB, 0);
  if (neededMiB <= limits.memoryMiB) return;
  throw new OperationFailureError(
    "InsufficientDBInstanceCapacity",
    `With ${wanted} the servers of all instances would need ${neededMiB} MiB of memory, and this host has ${limits.memoryMiB} MiB. Nothing was touched.`,
  );
}

/** @throws OperationFailureError where the servers would not start again */
async function preflight(host: Host, instance: LocalInstance, wanted: LocalClassName): Promise<void> {
  const changed = withClass(instance, wanted);
  const before = await observe(clusterOf(host, instance, primaryOf(instance)), host.limits.answerTimeoutMs);
  if (before.is !== "answering" || before.inRecovery) {
    const why = "reason" in before ? before.reason : "It takes no writes.";
    throw new OperationFailureError("InvalidDBInstanceState", `Its class is not changed now. ${why}`);
  }
  await preflightRestart(host, changed, before);
}

async function waitForWindow(
  { instances, clock }: Host,
  instance: LocalInstance,
  instanceClass: LocalClassName,
): Promise<LocalInstance> {
  const pendingInstanceClass = { instanceClass, since: clock.now().toISOString() };
  const after = await instances.update(instance.providerId, (now) => ({ ...now, pendingInstanceClass }));
  return after ?? instance;
}

/** Whether the maintenance window has come for a pending class, or a change was left incomplete. Unlike a backup window, it waits for an open one. */
export function isClassDue({ classChange, pendingInstanceClass, maintenanceWindow, wanted }: LocalInstance, now: Date) {
  const window = maintenanceWindowOf(maintenanceWindow);
  if (wanted === "stopped") return false;
  return classChange !== undefined || (pendingInstanceClass !== null && window !== null && isWithinWindow(window, now));
}

/** Applies a pending class that is due, on an instance that is busy with nothing else. What cannot be applied is reported and pending no more. */
export async function applyDueClass(host: Host, instance: LocalInstance, signal?: AbortSignal): Promise<void> {
  const { providerId, pendingInstanceClass: pending } = instance;
  if (!instance.classChange && pending) {
    const { instanceClass, since } = pending;
    try {
      await requireMemory(host, instance, instanceClass);
      await preflight(host, instance, instanceClass);
    } catch (error) {
      const { code, message } = taskFailureOf(error);
      // It may be well again while the window is open.
      if (code === "InvalidDBInstanceState") return;
      const result = { from: instance.instanceClass, instanceClass, requestedAt: since, reason: message };
      await reportClass(host, instance, result, false);
      await host.instances.update(providerId, (now) => ({ ...now, pendingInstanceClass: null }));
      return;
    }
    await decideClass(host, instance, instanceClass, since);
  }
  await completeClassChange(host, providerId, signal);
}
