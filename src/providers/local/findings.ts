/** Finds what would do harm at an instance's next failover or restart, although its members are well now. */
import { hasTablespaces } from "../../postgres/base-backup.js";
import { findPostmaster } from "../../postgres/postmaster.js";
import type { Finding } from "../provider.js";
import { type Host } from "./host.js";
import { type LocalInstance, primaryOf } from "./instance-file.js";
import { keptConfigurationKey } from "./kept-configuration.js";
import { clusterOf, memberName } from "./members.js";

/** @returns the findings about an instance, beyond those of its members */
export async function findingsOf(host: Host, instance: LocalInstance): Promise<Finding[]> {
  return [...(await startedByHand(host, instance)), ...(await ofPair(host, instance))];
}

/** A server that somebody started by hand may listen at another port than Postern gave it. */
async function startedByHand(host: Host, instance: LocalInstance): Promise<Finding[]> {
  const member = primaryOf(instance);
  const port = (await findPostmaster(clusterOf(host, instance, member).dataDir))?.port;
  if (port === undefined || port === member.port) return [];
  const subject = memberName(instance, member);
  const detail =
    `The server of ${subject} was started by hand and listens at port ${port}: at its endpoint, port ${member.port}, neither clients nor a ` +
    "standby find it. A reboot starts it as Postern does.";
  return [{ kind: "listens_elsewhere", severity: "CRITICAL", subject, detail }];
}

async function ofPair(host: Host, instance: LocalInstance): Promise<Finding[]> {
  // Without a standby a tablespace does no harm, and the preflight of a reboot finds a broken configuration.
  if (instance.members.length < 2) return [];
  const findings: Finding[] = [];
  if (await hasTablespaces(clusterOf(host, instance, primaryOf(instance)))) {
    findings.push({
      kind: "tablespace_on_pair",
      severity: "CRITICAL",
      subject: null,
      detail:
        "It has a tablespace outside its data folder, and on this one machine its standby would write the same files: the standby is stopped, and " +
        "there is no failover. Move what is in it to pg_default, and drop the tablespace; the standby is then built anew by itself.",
    });
  }
  const fault = host.faults.get(keptConfigurationKey(instance));
  if (fault !== undefined) {
    findings.push({
      kind: "configuration_broken",
      severity: "WARNING",
      subject: null,
      detail: `It would not start again with its configuration, and a failover would carry its last good copy over: ${fault} Correct it with ALTER SYSTEM, or in the file.`,
    });
  }
  return findings;
}
