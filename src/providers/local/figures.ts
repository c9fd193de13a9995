/** Reads what goes on in a local instance, for plans of operations. */
import { connectAsSuperuser } from "../../postgres/connection.js";
import type { InstanceFigures } from "../provider.js";
import type { Host } from "./host.js";
import { primaryOf } from "./instance-file.js";
import { clusterOf } from "./members.js";

/** @returns null where there is no such instance, or it is not to run @throws what the driver throws where it does not answer */
export async function readLocalFigures(host: Host, providerId: string): Promise<InstanceFigures | null> {
  const instance = await host.instances.find(providerId);
  if (instance?.wanted !== "running") return null;
  const cluster = clusterOf(host, instance, primaryOf(instance));
  const [row] = await connectAsSuperuser(
    cluster,
    (sql) => sql<InstanceFigures[]>`
      with clients as (
        select * from pg_stat_activity where backend_type = 'client backend'
          -- Postern's own sessions are none of a client.
          and not (usename = current_user and application_name = current_setting('application_name'))),
      lag as (
        select max(pg_wal_lsn_diff(case when not pg_is_in_recovery() then pg_current_wal_lsn() end, replay_lsn))::float8 as bytes,
          max(extract(epoch from replay_lag))::float8 as seconds
        from pg_stat_replication where replay_lsn is not null)
      select (select count(*) from clients where state = 'active')::int as "activeSessions",
        (select count(*) from clients where xact_start < clock_timestamp() - make_interval(secs => ${host.limits.oldTransactionMs / 1000}))::int as "oldTransactions",
        (select count(*) from pg_prepared_xacts)::int as "preparedTransactions",
        case when bytes < 0 then 0 else bytes end as "replicationLagBytes", case when bytes <= 0 then 0 else seconds end as "replicationLagSeconds"
      from lag`,
    { timeoutMs: host.limits.answerTimeoutMs },
  );
  return row ? { ...row } : null;
}
