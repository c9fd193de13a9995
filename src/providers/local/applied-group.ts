/** Observes how far each server of an instance has its parameter group in force: it asks the server, and trusts no file. */
import type { Sql } from "postgres";
import { connectAsSuperuser } from "../../postgres/connection.js";
import { findPostmaster } from "../../postgres/postmaster.js";
import { SETTINGS_MARK, settingsFileOf, settingsMark } from "../../postgres/settings-file.js";
import type { ProviderParameterGroup } from "../provider.js";
import type { Host } from "./host.js";
import type { LocalInstance, LocalMember } from "./instance-file.js";
import { clusterOf, memberName } from "./members.js";

/** How far a server has the settings of the group, and none of the groups before, in force. */
export type AppliedGroup =
  /** It has, or it does not run, and will have when it starts. */
  | { readonly is: "applied" }
  /** These settings wait for its restart. */
  | { readonly is: "waiting"; readonly names: readonly string[] }
  /** It runs with an older settings file. */
  | { readonly is: "unread" }
  /** It does not tell. */
  | { readonly is: "unknown" };

/** @returns the members that count: the others are made anew */
export const membersWithGroup = (instance: LocalInstance): LocalMember[] =>
  instance.members.filter(({ stale }) => !stale);

export async function observeAppliedGroup(
  host: Host,
  instance: LocalInstance,
  member: LocalMember,
): Promise<AppliedGroup> {
  const { settings, former } = instance.parameterGroup;
  const names = [...new Set([...Object.keys(settings), ...former])];
  const cluster = clusterOf(host, instance, member);
  if (names.length === 0 || !(await findPostmaster(cluster.dataDir))) return { is: "applied" };
  const file = settingsFileOf(host.instances.memberFolder(instance.providerId, member.name));
  const look = (sql: Sql) => sql`
    select current_setting('config_file') as file, current_setting(${SETTINGS_MARK}, true) as mark,
           (select coalesce(json_agg(name), '[]') from pg_settings
             where lower(name) in ${sql(names)} and pending_restart) as waiting`;
  const [seen] = await connectAsSuperuser(cluster, look, { timeoutMs: host.limits.answerTimeoutMs }).catch(() => []);
  if (!seen) return { is: "unknown" };
  // A server that was started otherwise does not read the settings file at all.
  if (seen.file !== file) return { is: "waiting", names };
  if (seen.mark !== settingsMark(settings)) return { is: "unread" };
  return seen.waiting.length > 0 ? { is: "waiting", names: seen.waiting } : { is: "applied" };
}

/** @returns the group, how far all servers have it, and a sentence on what is not in force; that is empty where all is */
export async function describeAppliedGroup(
  host: Host,
  instance: LocalInstance,
): Promise<{ readonly parameterGroup: ProviderParameterGroup; readonly left: string }> {
  const members = membersWithGroup(instance);
  const seen = await Promise.all(members.map((member) => observeAppliedGroup(host, instance, member)));
  const { name } = instance.parameterGroup;
  if (seen.some(({ is }) => is === "waiting"))
    return { parameterGroup: { name, status: "pending-reboot" }, left: "Some of its settings wait for a reboot." };
  const untold = members.filter((_, index) => seen[index]?.is !== "applied").map((each) => memberName(instance, each));
  if (untold.length === 0) return { parameterGroup: { name, status: "in-sync" }, left: "" };
  const left = `Whether ${untold.join(" and ")} has its settings is not known: see its log, and that it lets Postern log in.`;
  return { parameterGroup: { name, status: "applying" }, left };
}
