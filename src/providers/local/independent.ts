/** Makes a restored copy independent: it must not act in its source's place, nor wait for its source's standbys. */
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import type { Cluster } from "../../postgres/cluster.js";
import { connectAsSuperuser } from "../../postgres/connection.js";

/** The last lines of a file override earlier ones. Without workers, subscriptions rest until they are ended. */
const SETTINGS = `
# Of the copy, not of its source:
archive_mode = 'off'
primary_conninfo = ''
primary_slot_name = ''
synchronous_standby_names = ''
max_logical_replication_workers = '0'
`;

/** Before the first start: the copy must not archive over its source's WAL, and its commits must not wait for a standby. */
export const makeIndependentBeforeStart = (dataDir: string): Promise<void> =>
  appendFile(join(dataDir, "postgresql.auto.conf"), SETTINGS);

/** After the first start: the copy's subscriptions must not consume the slots that feed its source. */
export async function makeIndependentAfterStart(cluster: Cluster, signal: AbortSignal): Promise<void> {
  const databases = await connectAsSuperuser(
    cluster,
    (sql) => sql`select distinct datname from pg_subscription join pg_database on pg_database.oid = subdbid`,
    { signal },
  );
  for (const { datname } of databases) {
    await connectAsSuperuser(cluster, endSubscriptions, { database: datname, signal });
  }
  // From the next start on, the copy may have subscriptions of its own.
  await connectAsSuperuser(cluster, (sql) => sql`alter system reset max_logical_replication_workers`, { signal });
}

async function endSubscriptions(sql: Parameters<Parameters<typeof connectAsSuperuser>[1]>[0]): Promise<void> {
  const names = await sql`
    select format('%I', subname) as name from pg_subscription
     where subdbid = (select oid from pg_database where datname = current_database())`;
  for (const { name } of names) {
    await sql.unsafe(`alter subscription ${name} disable`);
    // Without a slot name, dropping the subscription later does not drop the source's slot.
    await sql.unsafe(`alter subscription ${name} set (slot_name = none)`);
  }
}
