/** Makes the findings about a primary that refuses Postern's login, and about data that was kept aside. */
import type { Finding } from "../provider.js";
import { type Host } from "./host.js";
import type { LocalInstance } from "./instance-file.js";
import { type KeptDataFor, keptPath, listKept } from "./kept-data.js";
import { listMemberFolders, memberName } from "./members.js";
import type { Observation } from "./observe.js";

const REMEDIES: Readonly<Record<string, readonly [kind: string, remedy: string]>> = {
  "53300": [
    "connections_exhausted",
    "End sessions that are not needed, or raise max_connections; a reboot ends them all.",
  ],
  "28P01": [
    "login_refused",
    "Set the password of the role postgres to what superuser.password in its data folder says.",
  ],
  "28000": ["login_refused", "Let the role postgres log in, and let pg_hba.conf admit it on the Unix socket."],
};

/** @returns null for a primary that lets Postern in, or has failed */
export function refusalFinding(instance: LocalInstance, seen: Observation): Finding | null {
  if (seen.is !== "refusing") return null;
  const [kind, remedy] = REMEDIES[seen.code] ?? [
    "queries_refused",
    "See the log of its server; a reboot starts it anew.",
  ];
  const detail = `Postern can neither query it nor take snapshots. ${seen.reason} ${remedy}`;
  const subject = memberName(instance, instance.members.find(({ name }) => name === instance.primary)!);
  return { kind, severity: "WARNING", subject, detail };
}

const REASONS: Readonly<Record<KeptDataFor, readonly [kind: string, why: string]>> = {
  failover: ["failover_with_loss", "was the primary when it failed, and some of its writes could not be handed over"],
  "split-brain": ["split_brain", "was promoted by hand while another was the primary, and may have taken writes"],
};

/** @returns a finding for each member with kept data, also for a member that is no longer configured */
export async function keptFindings(host: Host, instance: LocalInstance): Promise<Finding[]> {
  const { providerId, members } = instance;
  const findings = (await listMemberFolders(host, providerId)).map(async (folder): Promise<Finding[]> => {
    const keptNames = (await listKept(host, providerId, folder)).map(({ name }) => name);
    const newest = members.find(({ name }) => name === folder)?.keep ?? keptNames.sort().at(-1);
    if (newest === undefined) return [];
    const name = memberName(instance, { name: folder });
    const [kind, why] = REASONS[newest.startsWith("kept-failover") ? "failover" : "split-brain"];
    const path = keptPath(host, providerId, folder, newest);
    const remedy = `Its data are kept in ${path}: take from there what is missing, and remove the folder.`;
    return [{ kind, severity: "CRITICAL", subject: name, detail: `${name} ${why}. ${remedy}` }];
  });
  return (await Promise.all(findings)).flat();
}
