/** Takes base backups: a copy of a running cluster with all the WAL that makes it consistent, so that it starts on its own. */
import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Sql } from "postgres";
import type { Cluster } from "./cluster.js";
import { connectAsSuperuser } from "./connection.js";
import { type CopyOptions, copyTree, listFileTree, NotCopyableError } from "./copy-files.js";
import { writeOwned } from "./owned-file.js";

/** Folders that are copied empty: their contents belong to the running server, or are copied separately. */
const COPIED_EMPTY = /^(pg_wal|pg_replslot|pg_dynshmem|pg_notify|pg_serial|pg_snapshots|pg_stat_tmp|pg_subtrans)$/;
const LEFT_OUT =
  /(^|\/)(postmaster\.(pid|opts)|pg_internal\.init.*|pgsql_tmp.*|backup_label.*|(standby|recovery)\.signal)$/;

/**
 * Copies the cluster `source` into the data directory `to`, which must not exist. The copy is consistent as of its end.
 * The caller syncs it, and removes what a failed copy leaves.
 * @returns bytes written @throws CopyStorageFullError, NotCopyableError, ConnectionUnreachableError, and the signal's reason
 */
export async function baseBackup(source: Cluster, to: string, options: CopyOptions): Promise<number> {
  // All runs in one session: PostgreSQL itself ends the backup and drops the slot when that session ends, for whatever reason.
  return connectAsSuperuser(
    source,
    async (sql) => {
      await requireNoTablespaces(sql);
      const slot = `postern_backup_${randomBytes(6).toString("hex")}`;
      // The slot keeps all WAL from now on until it has been copied.
      await sql`select pg_create_physical_replication_slot(${slot}, true, true)`;
      await sql`select pg_backup_start('postern', true)`;
      const tree = await listFileTree(source.dataDir, (path) => !COPIED_EMPTY.test(path) && !LEFT_OUT.test(path));
      const bytes = await copyTree(source.dataDir, tree, to, options);
      const [end] = await sql`select lsn::text, labelfile, spcmapfile from pg_backup_stop(false)`;
      if (end?.spcmapfile) throw baseBackupOfTablespaces();
      const wal = await copyWal(sql, source.dataDir, to, end as { lsn: string; labelfile: string }, options);
      const [slotState] = await sql`select wal_status from pg_replication_slots where slot_name = ${slot}`;
      if (slotState?.wal_status === "lost") throw walRemoved();
      await writeOwned(join(to, "backup_label"), end?.labelfile, options.owner);
      return bytes + wal;
    },
    options,
  );
}

async function copyWal(
  sql: Sql,
  dataDir: string,
  to: string,
  { lsn, labelfile }: { lsn: string; labelfile: string },
  options: CopyOptions,
): Promise<number> {
  const [, start] = /^START WAL LOCATION: ([0-9A-F/]+) /m.exec(labelfile) ?? [];
  if (start === undefined) throw new Error("PostgreSQL wrote a backup label without a start location.");
  // One byte is added because at the very beginning of a segment PostgreSQL names the segment before.
  const segments = await sql`
    select pg_walfile_name('0/0'::pg_lsn + (n * size + 1)) as name
      from (select pg_size_bytes(current_setting('wal_segment_size'))::numeric as size) as setting,
           generate_series(div(${start}::pg_lsn - '0/0'::pg_lsn, size), div(${lsn}::pg_lsn - 1 - '0/0'::pg_lsn, size)) as n`;
  const histories = (await readdir(join(dataDir, "pg_wal"))).filter((name) => name.endsWith(".history"));
  const files = [...histories, ...segments.map(({ name }) => name as string)];
  const tree = { folders: ["archive_status"], files, bytes: 0 };
  const quiet = { ...options, onProgress: () => {} };
  const bytes = await copyTree(join(dataDir, "pg_wal"), tree, join(to, "pg_wal"), quiet);
  const copied = new Set(await readdir(join(to, "pg_wal")));
  if (files.some((name) => !copied.has(name))) throw walRemoved();
  return bytes;
}

async function requireNoTablespaces(sql: Sql): Promise<void> {
  const [row] = await sql`select count(*)::int as count from pg_tablespace where oid >= 16384`;
  if (row?.count > 0) throw baseBackupOfTablespaces();
}

/** Looks for tablespaces in the files of a cluster, which need not run. */
export async function hasTablespaces({ dataDir }: Cluster): Promise<boolean> {
  const entries = await readdir(join(dataDir, "pg_tblspc"), { withFileTypes: true }).catch(() => []);
  return entries.some((entry) => entry.isSymbolicLink());
}

/** Tablespaces are refused because a copy on the same machine would use the very same folders as its source. */
export const baseBackupOfTablespaces = () =>
  new NotCopyableError("The instance has tablespaces outside its data directory, which a copy cannot hold.");

const walRemoved = () =>
  new NotCopyableError("The instance wrote more WAL during the copy than is kept. Try again when it is less busy.");
