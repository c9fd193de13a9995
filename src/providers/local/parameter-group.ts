/** Performs CHANGE_PARAMETER_GROUP: instance.json says which settings count, and every server reads them from its settings file. */
import { setTimeout as delay } from "node:timers/promises";
import { connectAsSuperuser } from "../../postgres/connection.js";
import { PreviewError } from "../../postgres/preview.js";
import { settingsFileOf } from "../../postgres/settings-file.js";
import { DEFAULT_GROUP, type LocalParameterGroups } from "../../values/parameter-groups.js";
import { OperationFailureError } from "../errors.js";
import type { ProviderParameterGroup } from "../provider.js";
import type { Host } from "./host.js";
import { type LocalInstance, type LocalMember, primaryOf, standbysOf } from "./instance-file.js";
import type { EntryOutcome } from "./journal-entry.js";
import { clusterOf, fenceMember, memberName } from "./members.js";
import { observe } from "./observe.js";
import { preflightReplay } from "./preflight.js";
import type { TaskRequestOf } from "./task.js";

const RELOAD_TIMEOUT_MS = 10_000;
const POLL_MS = 20;

type Request = TaskRequestOf<"CHANGE_PARAMETER_GROUP">;

/** Performs it, which may be done twice. */
export async function changeParameterGroup(
  host: Host,
  instance: LocalInstance,
  request: Request,
): Promise<EntryOutcome> {
  const { providerId, identifier } = instance;
  const name = request.parameterGroup;
  const settings = settingsOf(host.parameterGroups, name);
  await preflight(host, { ...instance, parameterGroup: { name, settings, former: [] } });
  const after = await host.instances.update(providerId, (now) => ({
    ...now,
    parameterGroup: {
      name,
      settings,
      former: [...new Set([...now.parameterGroup.former, ...namesOf(now)])],
      proven: now.parameterGroup.proven ?? { name: now.parameterGroup.name, settings: now.parameterGroup.settings },
    },
  }));
  if (!after) throw new OperationFailureError("DBInstanceNotFound", "The instance is gone.");
  host.log.info({ instance: identifier }, "The parameter group is decided");
  return finishParameterGroup(host, after);
}

/** @returns how an operation has ended that a kill cut short; null where nothing was decided */
export const endOfInterruptedParameterGroup = async (
  host: Host,
  instance: LocalInstance,
  { parameterGroup }: Request,
): Promise<EntryOutcome | null> =>
  instance.parameterGroup.name === parameterGroup ? finishParameterGroup(host, instance) : null;

/** Has every server read the settings that instance.json decided. */
async function finishParameterGroup(host: Host, instance: LocalInstance): Promise<EntryOutcome> {
  for (const member of currentMembers(instance)) await reload(host, instance, member);
  const parameterGroup = await describeParameterGroup(host, instance);
  const { identifier } = instance;
  const waits = parameterGroup.status === "pending-reboot" ? " Some of its settings wait for a reboot." : "";
  return {
    message: `The parameter group of ${identifier} is ${parameterGroup.name}.${waits}`,
    result: { parameterGroup },
  };
}

const currentMembers = (instance: LocalInstance): LocalMember[] => instance.members.filter(({ stale }) => !stale);

const namesOf = ({ parameterGroup }: LocalInstance): string[] => Object.keys(parameterGroup.settings);

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

/** Writes the settings file of a server and has it read, where it runs; one that is down reads it when it starts. */
async function reload(host: Host, instance: LocalInstance, member: LocalMember): Promise<void> {
  const cluster = clusterOf(host, instance, member);
  await cluster.writeSettingsFile();
  if ((await observe(cluster, host.limits.answerTimeoutMs)).is !== "answering") return;
  await connectAsSuperuser(
    cluster,
    async (sql) => {
      const [before] = await sql`select pg_conf_load_time()::text as at, pg_reload_conf()`;
      for (;;) {
        const [now] = await sql`select pg_conf_load_time()::text as at`;
        if (now?.at !== before?.at) return;
        await delay(POLL_MS);
      }
    },
    { timeoutMs: RELOAD_TIMEOUT_MS },
  );
}

/** @returns the group, and whether all servers have all its settings, and none of the groups before, in force */
export async function describeParameterGroup(host: Host, instance: LocalInstance): Promise<ProviderParameterGroup> {
  const { name } = instance.parameterGroup;
  const names = await Promise.all(currentMembers(instance).map((member) => waitingIn(host, instance, member)));
  return { name, status: names.flat().length > 0 ? "pending-reboot" : "in-sync" };
}

/** @returns the settings of the group, and of groups before, that wait for a restart of this server; none where it does not answer, as it reads them when it starts */
async function waitingIn(host: Host, instance: LocalInstance, member: LocalMember): Promise<string[]> {
  const names = [...new Set([...namesOf(instance), ...instance.parameterGroup.former])];
  if (names.length === 0) return [];
  const cluster = clusterOf(host, instance, member);
  const settingsFile = settingsFileOf(host.instances.memberFolder(instance.providerId, member.name));
  const rows = await connectAsSuperuser(
    cluster,
    // A server that was started otherwise does not read the settings file at all.
    (sql) => sql`
      select name from pg_settings where lower(name) in ${sql(names)}
         and (pending_restart or current_setting('config_file') <> ${settingsFile})`,
    { timeoutMs: host.limits.answerTimeoutMs },
  ).catch(() => []);
  return rows.map((row) => row.name as string);
}

/** Restarts the standbys in which settings of the group wait; after that, nothing of the groups before is in force any more. */
export async function restartForParameterGroup(host: Host, instance: LocalInstance): Promise<void> {
  if (namesOf(instance).length === 0 && instance.parameterGroup.former.length === 0) return;
  for (const member of standbysOf(instance).filter(({ stale }) => !stale)) {
    if ((await waitingIn(host, instance, member)).length === 0) continue;
    // It would not start with less than its primary had, until it has replayed that its primary has less now.
    await preflightReplay(host, instance, member);
    host.log.info({ instance: instance.identifier }, `Restarting the standby ${memberName(instance, member)}`);
    await fenceMember(host, instance.providerId, member.name);
    await clusterOf(host, instance, member).start();
  }
  await host.instances.update(instance.providerId, (now) => ({
    ...now,
    parameterGroup: { ...now.parameterGroup, former: [] },
  }));
}
