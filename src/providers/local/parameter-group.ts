/** Performs CHANGE_PARAMETER_GROUP: instance.json says which settings count, and every server reads them from its settings file. */
import { setTimeout as delay } from "node:timers/promises";
import { PreviewError } from "../../postgres/preview.js";
import { DEFAULT_GROUP, type LocalParameterGroups } from "../../values/parameter-groups.js";
import { OperationFailureError } from "../errors.js";
import { describeAppliedGroup, membersWithGroup, observeAppliedGroup } from "./applied-group.js";
import type { Host } from "./host.js";
import { type LocalInstance, type LocalMember, primaryOf, standbysOf } from "./instance-file.js";
import type { EntryOutcome } from "./journal-entry.js";
import { clusterOf, fenceMember, memberName } from "./members.js";
import { observe } from "./observe.js";
import { preflightReplay } from "./preflight.js";
import type { LocalTask, TaskRequestOf } from "./task.js";

const RELOAD_TIMEOUT_MS = 10_000;
const POLL_MS = 50;

type Request = TaskRequestOf<"CHANGE_PARAMETER_GROUP">;

/** Performs it, which may be done twice. */
export async function changeParameterGroup({
  host,
  instance,
  request,
  record,
}: LocalTask<Request>): Promise<EntryOutcome> {
  const { providerId, identifier } = instance;
  const { parameterGroup: name, operationId } = request;
  const settings = settingsOf(host.parameterGroups, name);
  await preflight(host, { ...instance, parameterGroup: { name, settings, former: [] } });
  await record({ message: `Changing the parameter group of ${identifier} to ${name}.` });
  const after = await host.instances.update(providerId, (now) => ({
    ...now,
    parameterGroup: {
      name,
      settings,
      operationId,
      former: [...new Set([...now.parameterGroup.former, ...Object.keys(now.parameterGroup.settings)])],
      proven: now.parameterGroup.proven ?? { name: now.parameterGroup.name, settings: now.parameterGroup.settings },
    },
  }));
  if (!after) throw new OperationFailureError("DBInstanceNotFound", "The instance is gone.");
  host.log.info({ instance: identifier }, "The parameter group is decided");
  return finishParameterGroup(host, after);
}

/** @returns how an operation has ended that a kill cut short; null where it decided nothing: a group of that name may have had other settings */
export const endOfInterruptedParameterGroup = async (
  host: Host,
  instance: LocalInstance,
  { operationId }: Request,
): Promise<EntryOutcome | null> =>
  instance.parameterGroup.operationId === operationId ? finishParameterGroup(host, instance) : null;

/** Has every server read the settings that instance.json decided. */
async function finishParameterGroup(host: Host, instance: LocalInstance): Promise<EntryOutcome> {
  for (const member of membersWithGroup(instance)) await reload(host, instance, member);
  const { parameterGroup, left } = await describeAppliedGroup(host, instance);
  return {
    message: `The parameter group of ${instance.identifier} is ${parameterGroup.name}. ${left}`.trimEnd(),
    result: { parameterGroup },
  };
}

function settingsOf(groups: LocalParameterGroups, name: string): Readonly<Record<string, string>> {
  if (name === DEFAULT_GROUP) return {};
  const found = groups.get(name);
  if (found) return found.settings;
  const names = [DEFAULT_GROUP, ...groups.keys()].join(", ");
  throw new OperationFailureError(
    "DBParameterGroupNotFound",
    `There is no parameter group ${name}. There are: ${names}.`,
  );
}

/** @throws OperationFailureError where a server does not take a setting, or does not answer */
async function preflight(host: Host, changed: LocalInstance): Promise<void> {
  const primary = clusterOf(host, changed, primaryOf(changed));
  const seen = await observe(primary, host.limits.answerTimeoutMs);
  if (seen.is !== "answering")
    throw new OperationFailureError("InvalidDBInstanceState", `Its settings are not changed now. ${seen.reason}`);
  await primary.checkOverrides().catch((error) => {
    if (!(error instanceof PreviewError)) throw error;
    const { name } = changed.parameterGroup;
    throw new OperationFailureError(
      "InvalidConfiguration",
      `PostgreSQL does not take the parameter group ${name}: ${error.message} Nothing was touched.`,
    );
  });
}

/** Gives a server its settings, and waits until it has read them, where it tells that. */
async function reload(host: Host, instance: LocalInstance, member: LocalMember): Promise<void> {
  await clusterOf(host, instance, member).reloadSettingsFile();
  const deadline = Date.now() + RELOAD_TIMEOUT_MS;
  while ((await observeAppliedGroup(host, instance, member)).is === "unread" && Date.now() < deadline)
    await delay(POLL_MS);
}

const membersThat = async (host: Host, instance: LocalInstance, is: "unread" | "waiting"): Promise<LocalMember[]> => {
  const members = membersWithGroup(instance);
  const seen = await Promise.all(members.map((member) => observeAppliedGroup(host, instance, member)));
  return members.filter((_, index) => seen[index]?.is === is);
};

/** Whether a server runs with an older settings file, because the group was put back, or it could not be written. */
export const needsParameterGroup = async (host: Host, instance: LocalInstance): Promise<boolean> =>
  (await membersThat(host, instance, "unread")).length > 0;

/** Has the servers read their settings that run with an older settings file. It does not wait for them. */
export async function reloadParameterGroup(host: Host, instance: LocalInstance): Promise<void> {
  for (const member of await membersThat(host, instance, "unread"))
    await clusterOf(host, instance, member).reloadSettingsFile();
}

/** @returns what a standby would not have of the group if it took over now without a restart, for people; none where it has all */
export async function groupMissingIn(
  host: Host,
  { providerId }: LocalInstance,
  member: LocalMember,
): Promise<string[]> {
  // It may have been put back meanwhile.
  const instance = (await host.instances.find(providerId))!;
  const seen = await observeAppliedGroup(host, instance, member);
  const { name } = instance.parameterGroup;
  if (seen.is === "applied") return [];
  if (seen.is === "waiting")
    return [`settings of the parameter group ${name} that wait for a reboot (${seen.names.join(", ")})`];
  return [`perhaps settings of the parameter group ${name}, as it does not tell which it has`];
}

/** Restarts the standbys in which settings of the group wait. Once all servers say so, nothing of the groups before is in force any more. */
export async function restartForParameterGroup(host: Host, instance: LocalInstance): Promise<void> {
  for (const member of await membersThat(host, instance, "unread")) await reload(host, instance, member);
  const waiting = await membersThat(host, instance, "waiting");
  for (const member of standbysOf(instance).filter((each) => waiting.includes(each))) {
    // It would not start with less than its primary had, until it has replayed that its primary has less now.
    await preflightReplay(host, instance, member);
    host.log.info({ instance: instance.identifier }, `Restarting the standby ${memberName(instance, member)}`);
    await fenceMember(host, instance.providerId, member.name);
    await clusterOf(host, instance, member).start();
  }
  if (instance.parameterGroup.former.length === 0) return;
  if ((await describeAppliedGroup(host, instance)).parameterGroup.status !== "in-sync") return;
  await host.instances.update(instance.providerId, (now) => ({
    ...now,
    parameterGroup: { ...now.parameterGroup, former: [] },
  }));
}
