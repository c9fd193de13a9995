/** Keeps a standby's settings as high as its primary's, because with a lower one PostgreSQL stops replaying. */
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Cluster } from "../../postgres/cluster.js";
import { connectAsSuperuser } from "../../postgres/connection.js";
import { readOwnedFileStart, writeOwned } from "../../postgres/owned-file.js";
import { findPostmaster } from "../../postgres/postmaster.js";
import { type Host } from "./host.js";
import { type LocalInstance, primaryOf, standbysOf } from "./instance-file.js";
import { clusterOf, fenceMember, memberProcessName } from "./members.js";

export const EQUAL_SETTINGS = [
  "max_connections",
  "max_locks_per_transaction",
  "max_prepared_transactions",
  "max_wal_senders",
  "max_worker_processes",
] as const;

export type EqualSettings = Readonly<Record<string, number>>;

const LACKS_SETTINGS = /insufficient parameter settings/;
/** The file that ALTER SYSTEM writes. */
const SETTINGS_FILE = "postgresql.auto.conf";
const MAX_SETTINGS_BYTES = 1_048_576;
const UNFINISHED = `${SETTINGS_FILE}.postern`;

/** @returns the settings that are higher in `wanted` than in `has`, with their values; one that `has` lacks counts as 0 */
export const higherSettings = (wanted: EqualSettings, has: EqualSettings): EqualSettings =>
  Object.fromEntries(Object.entries(wanted).filter(([name, value]) => (has[name] ?? 0) < value));

/**
 * Raises the settings of each standby to what its primary has, or will have after its next start, and restarts a standby that runs
 * with less. After a kill at any point, the next call finds what is still missing.
 *
 * For example, the primary a and the standby b run with max_locks_per_transaction = 64, and somebody sets 128 on a by ALTER SYSTEM:
 *   a: now 64, next 128       b: now 64, so 128 is missing
 *   b is shut down, `max_locks_per_transaction = '128'` is written to its postgresql.auto.conf, and b is started: now 128
 * A later restart of a writes the 128 to the WAL, and b replays on. With 64, b would pause its replay there and could not take over;
 * if it were restarted then, it would end with "insufficient parameter settings".
 * @returns what was raised, by the name of the member @throws Error when the primary does not answer, or a standby does not start
 */
export async function carryEqualSettings(
  host: Host,
  instance: LocalInstance,
  signal?: AbortSignal,
): Promise<Record<string, EqualSettings>> {
  const raised: Record<string, EqualSettings> = {};
  const standbys = standbysOf(instance).filter(({ stale }) => !stale);
  if (standbys.length === 0) return raised;
  const { next } = await settingsOf(clusterOf(host, instance, primaryOf(instance)), host.limits.answerTimeoutMs);
  for (const member of standbys) {
    const cluster = clusterOf(host, instance, member);
    const isRunning = (await findPostmaster(cluster.dataDir)) !== undefined;
    // For a standby that is down, its log says whether this is the reason.
    if (!isRunning && !LACKS_SETTINGS.test(host.faults.get(memberProcessName(instance.providerId, member.name)) ?? ""))
      continue;
    const current = isRunning
      ? (await settingsOf(cluster, host.limits.answerTimeoutMs).catch(() => null))?.now
      : parseSettings(await readLines(cluster));
    const missing = current ? higherSettings(next, current) : {};
    if (Object.keys(missing).length === 0) continue;
    if (isRunning) await fenceMember(host, instance.providerId, member.name);
    await writeSettings(host, cluster, missing);
    if (isRunning) await cluster.start(signal);
    raised[member.name] = missing;
  }
  return raised;
}

/** @returns the settings of a running server now and after its next start; the higher one where a restart would lower it */
async function settingsOf(cluster: Cluster, timeoutMs: number): Promise<{ now: EqualSettings; next: EqualSettings }> {
  // The command line overrides the files.
  const rows = await connectAsSuperuser(
    cluster,
    (sql) => sql`
      select name, setting::int as now, greatest(setting::int, case when source <> 'command line' then (
          select f.setting::int from pg_file_settings f
          where f.name = s.name and f.setting ~ '^[0-9]{1,9}$' order by f.seqno desc limit 1) end) as next
        from pg_settings s where name in ${sql([...EQUAL_SETTINGS])}`,
    { timeoutMs },
  );
  const byName = (column: string) => Object.fromEntries(rows.map((row) => [row.name as string, row[column] as number]));
  return { now: byName("now"), next: byName("next") };
}

async function writeSettings(host: Host, { dataDir }: Cluster, settings: EqualSettings): Promise<void> {
  const otherLines = (await readLines({ dataDir })).filter((line) => settings[nameOf(line)] === undefined);
  const newLines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'`);
  const unfinished = join(dataDir, UNFINISHED);
  await rm(unfinished, { force: true });
  await writeOwned(unfinished, `${[...otherLines, ...newLines].join("\n")}\n`, host.user);
  await rename(unfinished, join(dataDir, SETTINGS_FILE));
}

async function readLines({ dataDir }: Pick<Cluster, "dataDir">): Promise<string[]> {
  const bytes = await readOwnedFileStart(join(dataDir, SETTINGS_FILE), MAX_SETTINGS_BYTES).catch((error) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  return bytes === null ? [] : bytes.toString().trimEnd().split("\n");
}

const nameOf = (line: string): string => line.split("=")[0]?.trim() ?? "";

const parseSettings = (lines: readonly string[]): EqualSettings =>
  Object.fromEntries(lines.map((line) => [nameOf(line), Number(/=\s*'?(\d+)/.exec(line)?.[1] ?? 0)]));
