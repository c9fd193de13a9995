/** The statements of the figures of operations. Both read only the rows of the range, by an index. */
import { type SQL, sql } from "drizzle-orm";
import { AUDIT_LOG_DAYS, auditLogs } from "../../../audit/audit.table.js";
import type { Db } from "../../../db/client.js";
import type { OperationType } from "../../../values/operations/declarations.js";

/** A range of time, and the spans that it is divided into. */
export interface MetricsRange {
  readonly from: string;
  readonly to: string;
  readonly by: string;
}

/** Operations under an alias, and the condition on those that are meant. */
export interface MetricsRows {
  readonly source: { readonly from: SQL; readonly name: SQL };
  readonly condition: SQL | undefined;
}

export interface StoredFigures {
  readonly bucketStart: string;
  /** Null in the figures of the whole bucket. */
  readonly type: OperationType | null;
  /** Null in the figures of the whole bucket, and where the environment was not kept. */
  readonly environment: string | null;
  readonly requested: number;
  readonly executed: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly timedOut: number;
  readonly cancelled: number;
  readonly expired: number;
  readonly averageDurationSeconds: number | null;
  readonly p95DurationSeconds: number | null;
  readonly activeUsers: number;
  readonly incompleteAudits: number;
}

const written = (bucket: SQL) => sql`to_char(${bucket}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** @returns the figures of each bucket, and in it of each type and environment; those of the bucket come first */
export async function listOperationFigures(
  db: Db,
  { from, to, by }: MetricsRange,
  { source, condition = sql`true` }: MetricsRows,
): Promise<StoredFigures[]> {
  const o = source.name;
  const count = (condition: SQL) => sql`(count(*) filter (where ${condition}))::int`;
  const status = (name: string) => count(sql`status = ${sql.raw(`'${name}'`)}`);
  const timed = sql`filter (where status = 'SUCCEEDED')`;
  const rows = await db.execute(sql`
    with matching as (
      select ${o}.*, date_trunc(${by}, ${o}.requested_at at time zone 'UTC') as bucket,
        -- Each record is left once, and none without its cause. A repeated call leaves one of its own, which says so.
        ${o}.requested_at >= now() - ${sql.raw(`interval '${AUDIT_LOG_DAYS} days'`)} and (
          select count(*) filter (where a.action = 'operation.requested' and not coalesce(a.result ? 'replayed', false)) <> 1
            or count(*) filter (where a.action = 'operation.ended') <> (${o}.ended_at is not null)::int
            or count(*) filter (where a.action = 'operation.settled') <> (${o}.settled_at is not null)::int
          from ${auditLogs} a where a.resource_type = 'operation' and a.resource_id = ${o}.id::text
        ) as is_incomplete
      from ${source.from}
      where ${o}.requested_at >= ${from}::timestamptz and ${o}.requested_at < ${to}::timestamptz and ${condition}
    )
    select ${written(sql`bucket`)} as "bucketStart", type, environment,
      count(*)::int as requested, ${count(sql`started_at is not null`)} as executed,
      ${status("SUCCEEDED")} as succeeded, ${status("FAILED")} as failed, ${status("TIMED_OUT")} as "timedOut",
      ${status("CANCELLED")} as cancelled, ${status("EXPIRED")} as expired,
      avg(duration_seconds) ${timed} as "averageDurationSeconds",
      percentile_disc(0.95) within group (order by duration_seconds) ${timed} as "p95DurationSeconds",
      (count(distinct requested_by ->> 'id') filter (where requested_by ->> 'type' = 'user'))::int as "activeUsers",
      ${count(sql`is_incomplete`)} as "incompleteAudits"
    from matching group by grouping sets ((bucket), (bucket, type, environment))
    order by bucket, grouping(type) desc, type, environment`);
  return rows as unknown as StoredFigures[];
}

/** How many requests of operations were refused with a code. */
interface StoredRefusals {
  readonly bucketStart: string;
  readonly code: string;
  readonly count: number;
}

/** @returns the refusals of each bucket, by code */
export async function listRefusedOperations(db: Db, { from, to, by }: MetricsRange): Promise<StoredRefusals[]> {
  const rows = await db.execute(sql`
    select ${written(sql`bucket`)} as "bucketStart", code, count(*)::int as count
    from (
      select date_trunc(${by}, timestamp at time zone 'UTC') as bucket, coalesce(result ->> 'code', 'UNKNOWN') as code
      from ${auditLogs}
      -- The condition of an index, word by word.
      where action = 'operation.refused' and timestamp >= ${from}::timestamptz and timestamp < ${to}::timestamptz
    ) refused
    group by bucket, code order by bucket, code`);
  return rows as unknown as StoredRefusals[];
}
