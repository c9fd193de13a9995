/** The statements that request the operations of bulk operations, one part after the other. */
import { and, eq, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import { LOCKS } from "../../../db/locks.js";
import type { OperationType } from "../../../values/operations/declarations.js";
import { mustBulkStop } from "./bulk-operations.table.js";
import type { BulkParallel } from "./bulk-parallel.js";
import type { BulkPartFault } from "./bulk-part.js";
import { bulkParts, isWaiting } from "./bulk-parts.table.js";
import { laneOf } from "./operations.table.js";

/** Lets one transaction count what runs and request more at a time, so that no two exceed the limits together. */
export const lockBulkDispatch = async (db: Db) => db.execute(sql`select pg_advisory_xact_lock(${LOCKS.bulkDispatch})`);

/** A part whose operation may be requested now. */
export interface NextBulkPart {
  readonly id: bigint;
  readonly instanceId: bigint;
  readonly bulkOperationId: bigint;
  readonly type: OperationType;
  readonly input: Record<string, unknown>;
  readonly requestedBy: Readonly<Record<string, string>>;
  readonly requestId: string | null;
  /** The failed operation that it repeats; null where it repeats none. */
  readonly retryOf: bigint | null;
}

/**
 * Whether an instance `i` has operations for which one of a bulk operation `b` would have to wait. Then the part waits instead, so that it takes
 * no room from others and no place in the instance's queue. A reboot that may bring an instance back waits for nothing.
 */
const isBusy = sql`(not (b.type = 'REBOOT_INSTANCE' and i.status in ('failed', 'starting')) and exists (
  select from operations o where o.instance_id = i.id and ${laneOf({ lane: sql`o.lane`, type: sql`o.type` })} = 'servers'
    and (o.status in ('QUEUED', 'RUNNING') or (o.status = 'TIMED_OUT' and o.settled_at is null))
    and (o.status <> 'TIMED_OUT' or o.ended_at > now() - interval '1 hour')))`;

/**
 * Bulk operations take turns: the one whose last part was tried first comes next, with the oldest of its parts for which there is room.
 * All instances of a provider other than AWS are on one host.
 * @param providers those that this replica has @param retryMs how long a part waits after a fault, for each that it has had
 * @returns a part whose operation may be requested; null where there is none
 */
export async function findNextBulkPart(
  db: Db,
  { account, host, fleet }: BulkParallel,
  providers: readonly string[],
  retryMs: number,
): Promise<NextBulkPart | null> {
  const rows = await db.execute(sql`
    with open as (
      select i.provider, i.account_id from operations o join instances i on i.id = o.instance_id
      where o.bulk_operation_id is not null and o.status in ('QUEUED', 'RUNNING')
    ), full_accounts as (select provider, account_id from open group by 1, 2 having count(*) >= ${account}),
    full_hosts as (select provider from open where provider <> 'aws-rds' group by 1 having count(*) >= ${host}),
    going as (
      select b.*, greatest((select o.requested_at from operations o where o.bulk_operation_id = b.id
        order by o.requested_at desc, o.id desc limit 1),
        (select max(p.tried_at) from bulk_operation_parts p where p.bulk_operation_id = b.id)) as served_at
      from bulk_operations b where b.status = 'RUNNING' and not ${mustBulkStop}
    )
    select p.id::text, p.instance_id::text as "instanceId", b.id::text as "bulkOperationId", b.type, b.input,
      b.requested_by as "requestedBy", b.request_id as "requestId", before.operation_id::text as "retryOf"
    from going b cross join lateral (
      select p.id, p.instance_id from bulk_operation_parts p join instances i on i.id = p.instance_id
      where p.bulk_operation_id = b.id and p.status = 'WAITING' and p.operation_id is null
        and (p.tried_at is null or p.tried_at + p.tries * ${retryMs} * interval '1 millisecond' < clock_timestamp())
        and i.provider = any (array(select jsonb_array_elements_text(${JSON.stringify(providers)}::jsonb)))
        and i.provider not in (select provider from full_hosts)
        and not exists (
          select from full_accounts f where f.provider = i.provider and f.account_id is not distinct from i.account_id)
        and not ${isBusy}
      order by p.id limit 1
    ) p left join bulk_operation_parts before on before.bulk_operation_id = b.retry_of and before.instance_id = p.instance_id
    where (select count(*) from open) < ${fleet}
    order by b.served_at nulls first, b.id limit 1`);
  const [row] = rows as unknown as (Omit<NextBulkPart, "id" | "instanceId" | "bulkOperationId" | "retryOf"> & {
    readonly [K in "id" | "instanceId" | "bulkOperationId"]: string;
  } & { readonly retryOf: string | null })[];
  if (!row) return null;
  return {
    ...row,
    id: BigInt(row.id),
    instanceId: BigInt(row.instanceId),
    bulkOperationId: BigInt(row.bulkOperationId),
    retryOf: row.retryOf === null ? null : BigInt(row.retryOf),
  };
}

/** Writes what has become of a part: its operation, or why it has none. */
export async function updateBulkPart(
  db: Db,
  id: bigint,
  outcome: { readonly operationId: bigint } | (BulkPartFault & { readonly status: "REFUSED" | "FAILED" }),
): Promise<void> {
  await db.update(bulkParts).set(outcome).where(eq(bulkParts.id, id));
}

/** Counts a fault because of which the operation of a part was not requested. @returns how many it has had; null where it does not wait any more */
export async function updateBulkPartTries(db: Db, id: bigint): Promise<number | null> {
  const rows = await db
    .update(bulkParts)
    .set({ tries: sql`${bulkParts.tries} + 1`, triedAt: sql`clock_timestamp()` })
    .where(and(eq(bulkParts.id, id), isWaiting))
    .returning({ tries: bulkParts.tries });
  return rows[0]?.tries ?? null;
}
