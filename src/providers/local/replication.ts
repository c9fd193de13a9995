/** Asks a primary and a standby about the replication between them. */
import type { Cluster } from "../../postgres/cluster.js";
import { connectAsSuperuser } from "../../postgres/connection.js";
import { EQUAL_SETTINGS, type EqualSettings } from "./equal-settings.js";
import { type Host } from "./host.js";
import { type LocalInstance, primaryOf } from "./instance-file.js";
import { clusterOf } from "./members.js";

/** A primary's own view; positions in the WAL are bytes since its beginning. */
export type PrimaryReplication = { readonly written: number; readonly settings: EqualSettings };

export type StandbyReplication = {
  /** False where the server takes writes. */
  readonly inRecovery: boolean;
  readonly isPaused: boolean;
  readonly isStreaming: boolean;
  readonly received: number;
  readonly replayed: number;
  /** Seconds since the last commit that was replayed; null where none was. */
  readonly age: number | null;
  readonly settings: EqualSettings;
  /** The oldest transaction of a client, for which the replay may have to wait. */
  readonly oldest: { readonly pid: number; readonly seconds: number } | null;
};

/** @throws Error when it does not answer, or does not take writes */
export async function askPrimaryReplication(primary: Cluster, timeoutMs: number): Promise<PrimaryReplication> {
  const [row] = await connectAsSuperuser(
    primary,
    (sql) => sql`
      select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as written,
        (select json_object_agg(name, setting::int) from pg_settings where name in ${sql([...EQUAL_SETTINGS])}) as settings`,
    { timeoutMs },
  );
  return row as unknown as PrimaryReplication;
}

/**
 * Whether a standby has replayed what its primary never wrote, for example because the primary's data was replaced by older data.
 * Such a standby may stream nevertheless.
 * @param state the standby's state; it must be asked before the primary, which only grows
 */
export async function isReplicationAhead(
  host: Host,
  instance: LocalInstance,
  state: StandbyReplication,
): Promise<boolean> {
  const primary = clusterOf(host, instance, primaryOf(instance));
  return (
    state.inRecovery && state.replayed > (await askPrimaryReplication(primary, host.limits.answerTimeoutMs)).written
  );
}

/** @throws Error when it does not answer */
export async function askStandbyReplication(standby: Cluster, timeoutMs: number): Promise<StandbyReplication> {
  const [row] = await connectAsSuperuser(
    standby,
    (sql) => sql`
      select recovery as "inRecovery",
        case when recovery then pg_get_wal_replay_pause_state() = 'paused' else false end as "isPaused",
        exists (select from pg_stat_wal_receiver where status = 'streaming') as "isStreaming",
        coalesce(pg_wal_lsn_diff(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0'), 0)::float8 as received,
        coalesce(pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0'), 0)::float8 as replayed,
        greatest(0, extract(epoch from now() - pg_last_xact_replay_timestamp()))::float8 as age,
        (select json_object_agg(name, setting::int) from pg_settings where name in ${sql([...EQUAL_SETTINGS])}) as settings,
        (select json_build_object('pid', pid, 'seconds', round(extract(epoch from now() - xact_start))) from pg_stat_activity
          where backend_type = 'client backend' and pid <> pg_backend_pid() and xact_start is not null
          order by xact_start limit 1) as oldest
      from (select pg_is_in_recovery() as recovery) as server`,
    { timeoutMs },
  );
  return row as unknown as StandbyReplication;
}

/** Asks a primary about one of its standbys. @throws Error when the primary does not answer */
export async function observeReplication(
  primary: Cluster,
  standby: string,
  timeoutMs: number,
): Promise<{ isStreaming: boolean; lagBytes: number }> {
  const [row] = await connectAsSuperuser(
    primary,
    (sql) => sql`
      select pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::float8 as lag
        from pg_stat_replication where application_name = ${standby} and state = 'streaming'`,
    { timeoutMs },
  );
  return { isStreaming: row?.lag != null, lagBytes: row?.lag ?? Number.POSITIVE_INFINITY };
}
