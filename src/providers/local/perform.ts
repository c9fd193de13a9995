/** Performs each type of operation, and finds out how one that was cut short by a kill has ended. */
import { OperationFailureError } from "../errors.js";
import { modifyBackupWindow } from "./backup-window.js";
import { CAUSE_STILL_RECOVERS } from "./causes.js";
import { type Host } from "./host.js";
import { endOfInterruptedClassChange, modifyInstanceClass } from "./instance-class.js";
import { type LocalInstance, primaryOf, standbysOf } from "./instance-file.js";
import { type EntryEnd, type EntryOutcome, type JournalEntry } from "./journal-entry.js";
import { clusterOf, memberName } from "./members.js";
import { isObservedUp, type Observation, observe } from "./observe.js";
import { changeParameterGroup, endOfInterruptedParameterGroup } from "./parameter-group.js";
import { leftBehindByReboot, rebootInPlace, rebootWithFailover } from "./reboot.js";
import { performSetTags, setTags } from "./set-tags.js";
import type { Snapshots } from "./snapshots.js";
import { finishStop, performStart, performStop, startDone } from "./stop-start.js";
import { determineTakeOverLoss } from "./take-over.js";
import { type InstanceTaskRequest, type LocalTask, type TaskRequestOf, taskSecondsSince } from "./task.js";

/** Performs one operation. @throws OperationFailureError, or any error that failureOf understands */
export function perform(task: LocalTask, snapshots: Snapshots): Promise<EntryOutcome> {
  switch (task.request.type) {
    case "CREATE_SNAPSHOT":
      return takeSnapshot(task as LocalTask<TaskRequestOf<"CREATE_SNAPSHOT">>, snapshots);
    case "REBOOT_INSTANCE":
      return (task.request.forceFailover ? rebootWithFailover : rebootInPlace)(
        task as LocalTask<TaskRequestOf<"REBOOT_INSTANCE">>,
      );
    case "MODIFY_BACKUP_WINDOW":
      return modifyBackupWindow(task.host, task.instance, task.request);
    case "STOP_INSTANCE":
      return performStop(task as LocalTask<TaskRequestOf<"STOP_INSTANCE">>);
    case "START_INSTANCE":
      return performStart(task as LocalTask<TaskRequestOf<"START_INSTANCE">>);
    case "MODIFY_INSTANCE_CLASS":
      return modifyInstanceClass(task as LocalTask<TaskRequestOf<"MODIFY_INSTANCE_CLASS">>);
    case "SET_INSTANCE_TAGS":
      return performSetTags(task as LocalTask<TaskRequestOf<"SET_INSTANCE_TAGS">>);
    case "CHANGE_PARAMETER_GROUP":
      return changeParameterGroup(task as LocalTask<TaskRequestOf<"CHANGE_PARAMETER_GROUP">>);
  }
}

async function takeSnapshot(
  task: LocalTask<TaskRequestOf<"CREATE_SNAPSHOT">>,
  snapshots: Snapshots,
): Promise<EntryOutcome> {
  const { host, instance, request } = task;
  const seen = await observe(clusterOf(host, instance, primaryOf(instance)), host.limits.answerTimeoutMs);
  // The cause of the original error says more.
  if (seen.is === "refusing") throw seen.fault;
  if (seen.is !== "answering") {
    const message = `${instance.identifier} cannot be copied. ${seen.reason} A reboot starts it again.`;
    throw new OperationFailureError("InvalidDBInstanceState", message);
  }
  await task.record({ message: "Copying the data." });
  const wanted = { ...request, identifier: request.snapshotId };
  const snapshot = await snapshots.take(instance, wanted, task.signal, task.progress);
  return snapshotTaken(snapshot.identifier, snapshot);
}

const snapshotTaken = (identifier: string, snapshot: EntryOutcome["snapshot"] & object): EntryOutcome => ({
  message: `The snapshot ${identifier} is complete.`,
  result: { snapshotId: identifier, arn: snapshot.arn, sizeBytes: snapshot.sizeBytes },
  snapshot,
});

/** Finds the real end of an operation of a killed process, on an instance that has been brought up since. */
export async function endOfInterruptedPerform(
  host: Host,
  snapshots: Snapshots,
  instance: LocalInstance,
  entry: JournalEntry,
): Promise<EntryEnd> {
  const request = entry.request as InstanceTaskRequest;
  const { awaySince, failoverTo, rebootOf } = entry;
  if (request.type === "MODIFY_BACKUP_WINDOW") return modifyBackupWindow(host, instance, request);
  if (request.type === "SET_INSTANCE_TAGS") return setTags(host, instance, request);
  if (request.type === "CREATE_SNAPSHOT") {
    const snapshot = await snapshots.findByOperation(request.operationId);
    return snapshot ? snapshotTaken(snapshot.identifier, snapshot) : interrupted("No part of the snapshot is left.");
  }
  if (request.type === "STOP_INSTANCE")
    return instance.wanted === "stopped" ? finishStop(host, instance) : interrupted("The instance was not stopped.");
  if (request.type === "START_INSTANCE") {
    if (instance.wanted === "stopped") return interrupted("The instance was not started.");
    const seen = await observe(clusterOf(host, instance, primaryOf(instance)), host.limits.answerTimeoutMs);
    return faultOfPrimary(instance, seen) ?? startDone(host, instance);
  }
  if (request.type === "CHANGE_PARAMETER_GROUP")
    return (await endOfInterruptedParameterGroup(host, instance, request)) ?? interrupted("The group was not changed.");
  if (request.type === "MODIFY_INSTANCE_CLASS")
    return (await endOfInterruptedClassChange(host, instance, request)) ?? interrupted("The class was not changed.");
  if (awaySince === null) return interrupted("The instance was not rebooted.");
  const awaySeconds = taskSecondsSince(awaySince, host.clock.now());
  const primary = memberName(instance, primaryOf(instance));
  const message = `Postern was stopped meanwhile; ${primary} is the primary, and was away for at most ${awaySeconds} s.`;
  const seen = await observe(clusterOf(host, instance, primaryOf(instance)), host.limits.answerTimeoutMs);
  const fault = faultOfPrimary(instance, seen);
  if (fault) return fault;
  if (request.forceFailover) {
    if (failoverTo !== instance.primary)
      return interrupted(`The failover was rolled back: ${primary} is still the primary.`);
    const [from, to] = [standbysOf(instance)[0]!, primaryOf(instance)];
    const { isHanded, left } = entry;
    const loss =
      isHanded === null || from.keep === null
        ? { message: "", result: {} }
        : await determineTakeOverLoss(host, instance, { from, to, isHanded, keep: from.keep });
    return {
      message: `${message} ${loss.message}`.trimEnd() + (left ? leftBehindByReboot(left) : ""),
      result: { awaySeconds, failedOver: true, primary, ...loss.result, ...left },
    };
  }
  if ("run" in seen && seen.run === rebootOf) return interrupted("The instance was not rebooted.");
  return { message, result: { awaySeconds, failedOver: false, primary } };
}

/** @returns the end where the primary does not take writes, though it should; null where it does */
function faultOfPrimary(instance: LocalInstance, seen: Observation): EntryEnd | null {
  if (isObservedUp(seen) && !seen.inRecovery) return null;
  const why = seen.is === "starting" ? CAUSE_STILL_RECOVERS : "The log of its server says why.";
  const primary = memberName(instance, primaryOf(instance));
  const what = `Postern was stopped meanwhile, and ${primary} does not take writes since. ${why}`;
  return { failure: { code: "StartFailed", message: what } };
}

function interrupted(what: string): EntryEnd {
  return { failure: { code: "Interrupted", message: `Postern was stopped meanwhile. ${what} Ask again.` } };
}
