/** Settings of which a standby must have as much as its primary, or it stops replaying: carried to it before it needs them. */
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Cluster } from "../../postgres/cluster.js";
import { asSuperuser } from "../../postgres/connection.js";
import { readStart, writeOwned } from "../../postgres/owned-file.js";
import { findPostmaster } from "../../postgres/postmaster.js";
import { clusterOf, fenceMember, type Host, processName } from "./host.js";
import { type LocalInstance, primaryOf, standbysOf } from "./instances.js";

export const EQUAL_SETTINGS = [
  "max_connections",
  "max_locks_per_transaction",
  "max_prepared_transactions",
  "max_wal_senders",
  "max_worker_processes",
] as const;

export type EqualSettings = Readonly<Record<string, number>>;

const LACKS_SETTINGS = /insufficient parameter settings/;
/** Where ALTER SYSTEM writes them. */
const SETTINGS_FILE = "postgresql.auto.conf";
const MAX_SETTINGS_BYTES = 1_048_576;
const UNFINISHED = `${SETTINGS_FILE}.postern`;

/** @returns what the first has more of than the second, with its values; what the second does not tell counts as none */
export const moreThan = (wanted: EqualSettings, has: EqualSettings): EqualSettings =>
  Object.fromEntries(Object.entries(wanted).filter(([name, value]) => (has[name] ?? 0) < value));

/**
 * Gives each standby as much as its primary has, or will have after its next start; a standby that runs with less is restarted. Cut short
 * anywhere, what is missing is seen again.
 * @returns what was given, by the name of the member @throws Error when the primary does not answer, or a standby does not start
 */
export async function carryEqualSettings(
  host: Host,
  instance: LocalInstance,
  signal?: AbortSignal,
): Promise<Record<string, EqualSettings>> {
  const given: Record<string, EqualSettings> = {};
  const standbys = standbysOf(instance).filter(({ stale }) => !stale);
  if (standbys.length === 0) return given;
  const { next } = await settingsOf(clusterOf(host, instance, primaryOf(instance)), host.limits.answerTimeoutMs);
  for (const member of standbys) {
    const cluster = clusterOf(host, instance, member);
    const isRunning = (await findPostmaster(cluster.dataDir)) !== undefined;
    // One that is down says itself whether that is why.
    if (!isRunning && !LACKS_SETTINGS.test(host.faults.get(processName(instance.providerId, member.name)) ?? ""))
      continue;
    const has = isRunning
      ? (await settingsOf(cluster, host.limits.answerTimeoutMs).catch(() => null))?.now
      : inFile(await linesOf(cluster));
    const missing = has ? moreThan(next, has) : {};
    if (Object.keys(missing).length === 0) continue;
    if (isRunning) await fenceMember(host, instance.providerId, member.name);
    await give(host, cluster, missing);
    if (isRunning) await cluster.start(signal);
    given[member.name] = missing;
  }
  return given;
}

/** What a running server has of them, and what it will have after its next start, if that is more. */
async function settingsOf(cluster: Cluster, timeoutMs: number): Promise<{ now: EqualSettings; next: EqualSettings }> {
  // A file says nothing where the command line says something.
  const rows = await asSuperuser(
    cluster,
    (sql) => sql`
      select name, setting::int as now, greatest(setting::int, case when source <> 'command line' then (
          select f.setting::int from pg_file_settings f
          where f.name = s.name and f.setting ~ '^[0-9]{1,9}$' order by f.seqno desc limit 1) end) as next
        from pg_settings s where name in ${sql([...EQUAL_SETTINGS])}`,
    { timeoutMs },
  );
  const by = (column: string) => Object.fromEntries(rows.map((row) => [row.name as string, row[column] as number]));
  return { now: by("now"), next: by("next") };
}

async function give(host: Host, { dataDir }: Cluster, settings: EqualSettings): Promise<void> {
  const kept = (await linesOf({ dataDir })).filter((line) => settings[nameIn(line)] === undefined);
  const added = Object.entries(settings).map(([name, value]) => `${name} = '${value}'`);
  const unfinished = join(dataDir, UNFINISHED);
  await rm(unfinished, { force: true });
  await writeOwned(unfinished, `${[...kept, ...added].join("\n")}\n`, host.user);
  await rename(unfinished, join(dataDir, SETTINGS_FILE));
}

async function linesOf({ dataDir }: Pick<Cluster, "dataDir">): Promise<string[]> {
  const bytes = await readStart(join(dataDir, SETTINGS_FILE), MAX_SETTINGS_BYTES).catch((error) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  return bytes === null ? [] : bytes.toString().trimEnd().split("\n");
}

const nameIn = (line: string): string => line.split("=")[0]?.trim() ?? "";

const inFile = (lines: readonly string[]): EqualSettings =>
  Object.fromEntries(lines.map((line) => [nameIn(line), Number(/=\s*'?(\d+)/.exec(line)?.[1] ?? 0)]));
