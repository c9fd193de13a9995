/** The statements that request, cancel and end bulk operations. */
import { and, asc, eq, type SQL, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import { LOCKS } from "../../../db/locks.js";
import { bulkOperations, mustBulkStop } from "./bulk-operations.table.js";
import type { BulkPartFault, NewBulkPart } from "./bulk-part.js";
import { bulkParts, isWaiting } from "./bulk-parts.table.js";
import { operations } from "./operations.table.js";
import { hasSucceeded, repetitionsOf } from "./repetitions.table.js";

export type StoredBulkOperation = typeof bulkOperations.$inferSelect;

/** Lets one transaction count what runs and add to it at a time. Whoever calls it locks no bulk operation afterwards. */
export const lockBulkRequests = async (db: Db) => db.execute(sql`select pg_advisory_xact_lock(${LOCKS.bulkRequests})`);

/** @returns how many bulk operations have not ended */
export async function countRunningBulkOperations(db: Db): Promise<number> {
  const rows = await db
    .select({ count: sql<number>`count(*)::int` })
    .from(bulkOperations)
    .where(sql`${bulkOperations.status} = 'RUNNING'`);
  return rows[0]!.count;
}

export async function insertBulkOperation(db: Db, bulk: typeof bulkOperations.$inferInsert): Promise<bigint> {
  const rows = await db.insert(bulkOperations).values(bulk).returning({ id: bulkOperations.id });
  return rows[0]!.id;
}

export async function insertBulkParts(db: Db, bulkOperationId: bigint, parts: readonly NewBulkPart[]): Promise<void> {
  const rows = parts.map(({ instanceId, fault }) => ({
    bulkOperationId,
    instanceId,
    status: fault ? ("REFUSED" as const) : ("WAITING" as const),
    code: fault?.code ?? null,
    message: fault?.message ?? null,
  }));
  await db.insert(bulkParts).values(rows);
}

/** @returns the bulk operation, locked, or null */
export async function lockBulkOperation(db: Db, id: string): Promise<StoredBulkOperation | null> {
  const rows = await db
    .select()
    .from(bulkOperations)
    .where(eq(bulkOperations.id, BigInt(id)))
    .for("update");
  return rows[0] ?? null;
}

/** @returns the id of a retry of a bulk operation that has not ended, or null */
export async function findOpenBulkRetry(db: Db, retryOf: bigint): Promise<bigint | null> {
  const rows = await db
    .select({ id: bulkOperations.id })
    .from(bulkOperations)
    .where(and(eq(bulkOperations.retryOf, retryOf), sql`${bulkOperations.status} = 'RUNNING'`))
    .limit(1);
  return rows[0]?.id ?? null;
}

/** What bulk operations that repeat this one have done with success on the instance of a part, which may have had no operation itself. */
const repeatedInBulk = (bulkOperationId: bigint): SQL => sql`
  with recursive repeating as (
    select b.id from bulk_operations b where b.retry_of = ${bulkOperationId}
    union all
    select b.id from bulk_operations b join repeating on b.retry_of = repeating.id
  )
  select from repeating join bulk_operation_parts again on again.bulk_operation_id = repeating.id
    join operations repetition on repetition.id = again.operation_id
  where again.instance_id = ${bulkParts.instanceId} and (${hasSucceeded}
    or exists (select from ${repetitionsOf(sql`again.operation_id`)} where ${hasSucceeded}))`;

/**
 * @returns the instances of the parts that have failed, or were settled as failed after their time, in order. What was repeated since with
 * success has not failed
 */
export async function listFailedBulkInstances(db: Db, bulkOperationId: bigint): Promise<bigint[]> {
  const hasFailed = sql`(${bulkParts.status} = 'FAILED' or ${operations.status} in ('FAILED', 'EXPIRED')
    or (${operations.status} = 'TIMED_OUT' and ${operations.settlement} ->> 'status' = 'FAILED'))`;
  const rows = await db
    .select({ instanceId: bulkParts.instanceId })
    .from(bulkParts)
    .leftJoin(operations, eq(operations.id, bulkParts.operationId))
    .where(
      and(
        eq(bulkParts.bulkOperationId, bulkOperationId),
        hasFailed,
        sql`not exists (select from ${repetitionsOf(sql`${operations.id}`)} where ${hasSucceeded})`,
        sql`not exists (${repeatedInBulk(bulkOperationId)})`,
      ),
    )
    .orderBy(asc(bulkParts.instanceId));
  return rows.map(({ instanceId }) => instanceId);
}

async function skipBulkParts(db: Db, condition: SQL, { code, message }: BulkPartFault): Promise<number> {
  const rows = await db
    .update(bulkParts)
    .set({ status: "SKIPPED", code, message })
    .where(and(isWaiting, condition))
    .returning({ id: bulkParts.id });
  return rows.length;
}

/** Skips the parts of a bulk operation that wait for their operation. @returns how many they were */
export const skipWaitingBulkParts = (db: Db, id: bigint, fault: BulkPartFault): Promise<number> =>
  skipBulkParts(db, sql`${bulkParts.bulkOperationId} = ${id}`, fault);

/** Skips what waits in bulk operations that are to stop at their first failure, and have failed. */
export const skipStoppedBulkParts = (db: Db, fault: BulkPartFault): Promise<number> =>
  skipBulkParts(
    db,
    sql`${bulkParts.bulkOperationId} in (select b.id from bulk_operations b where b.status = 'RUNNING' and ${mustBulkStop})`,
    fault,
  );

/** @returns the operations of a bulk operation that wait for their turn */
export const listQueuedBulkOperations = async (
  db: Db,
  bulkOperationId: bigint,
): Promise<(typeof operations.$inferSelect)[]> =>
  db
    .select()
    .from(operations)
    .where(and(eq(operations.bulkOperationId, bulkOperationId), sql`${operations.status} = 'QUEUED'`))
    .orderBy(asc(operations.id));

/** Ends the bulk operations of which no part waits or runs. Its one statement sees each part before or after a step of it. */
export async function endBulkOperations(db: Db): Promise<void> {
  await db.execute(sql`
    update ${bulkOperations} set status = 'ENDED', ended_at = clock_timestamp()
    where ${bulkOperations.status} = 'RUNNING'
      and not exists (select from bulk_operation_parts p
        where p.bulk_operation_id = ${bulkOperations.id} and p.status = 'WAITING' and p.operation_id is null)
      and not exists (select from operations o
        where o.bulk_operation_id = ${bulkOperations.id} and o.status in ('QUEUED', 'RUNNING'))`);
}
