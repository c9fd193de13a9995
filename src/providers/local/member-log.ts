/** Reads the end of a member's log, without the passwords that Postern gave it, and its last error. */

import { unavailable } from "../../errors.js";
import type { Cluster } from "../../postgres/cluster.js";
import { lastComplaintInLog, logTail } from "../../postgres/log-tail.js";
import { type Host } from "./host.js";
import { clusterOf, memberName } from "./members.js";
import { replicationPassword } from "./replication-role.js";

const LINES = 100;
/** PostgreSQL repeats the messages about a lasting problem at least this often. */
const FRESH_MS = 60_000;

/** @returns the last lines, the oldest first */
async function memberLog(cluster: Cluster, lines: number): Promise<string[]> {
  const { password } = await cluster.superuser().catch(() => ({ password: "" }));
  return logTail(cluster, lines, [password, (await replicationPassword(cluster)) ?? ""]);
}

/** Implements Provider.logTail. @param name the member's name as people know it */
export async function readMemberLog(
  host: Host,
  providerId: string,
  name: string,
  lines: number,
): Promise<string[] | null> {
  const instance = await host.instances.find(providerId).catch((error) => {
    throw unavailable("The instance", error);
  });
  const member = instance?.members.find((candidate) => memberName(instance, candidate) === name);
  if (!instance || !member) return null;
  const tail = await memberLog(clusterOf(host, instance, member), lines);
  return tail.length > 0 ? tail : null;
}

/** @returns the last error in a member's log, for people */
export async function memberComplaint(cluster: Cluster): Promise<string> {
  return lastComplaintInLog(await memberLog(cluster, LINES)) ?? "Its log says nothing of it.";
}

/** @returns the lines of the last minute, the oldest first */
export async function recentMemberLogLines(cluster: Cluster): Promise<string[]> {
  const since = new Date(Date.now() - FRESH_MS).toISOString().slice(0, 19).replace("T", " ");
  // Postern starts PostgreSQL with UTC. If somebody sets another time zone, no line counts as fresh.
  return (await memberLog(cluster, LINES)).filter(
    (line) => line.slice(0, 19) >= since && line.slice(23, 27) === " UTC",
  );
}
