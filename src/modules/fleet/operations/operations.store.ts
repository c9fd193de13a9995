/** The statements of operations. Each change of status names the status before, so that of two writers only one succeeds. */
import { and, asc, eq, type SQL, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import type { Intent, Sight } from "../../../providers/provider.js";
import type { OperationStatus } from "../../../values/operations/operation-statuses.js";
import { instances } from "../inventory/inventory.table.js";
import { operations } from "./operations.table.js";
import { hasSucceeded, isOpen, repetitionsOf } from "./repetitions.table.js";

export type StoredOperation = typeof operations.$inferSelect;

// What is asked often has its status in the text and not as a parameter, so that every plan of it may use the partial indexes.

/** How many operations wait for an instance: in its queue, and for their time. */
export interface WaitingOperations {
  readonly queued: number;
  readonly scheduled: number;
}

/** @returns how many operations wait for an instance */
export async function countWaitingOperations(db: Db, instanceId: bigint): Promise<WaitingOperations> {
  // Each of the two has an index of its own.
  const isQueued = sql`${operations.status} = 'QUEUED'`;
  const isScheduled = sql`(${operations.status} = 'SCHEDULED' and ${operations.runAt} is not null)`;
  const count = (condition: SQL) => sql<number>`count(*) filter (where ${condition})::int`;
  const rows = await db
    .select({ queued: count(isQueued), scheduled: count(isScheduled) })
    .from(operations)
    .where(and(eq(operations.instanceId, instanceId), sql`(${isQueued} or ${isScheduled})`));
  return rows[0]!;
}

export async function insertOperation(db: Db, operation: typeof operations.$inferInsert): Promise<bigint> {
  const rows = await db.insert(operations).values(operation).returning({ id: operations.id });
  return rows[0]!.id;
}

export async function findOperation(db: Db, id: string, lock = false): Promise<StoredOperation | null> {
  const query = db
    .select()
    .from(operations)
    .where(eq(operations.id, BigInt(id)));
  const rows = await (lock ? query.for("update") : query);
  return rows[0] ?? null;
}

/** @returns the environment of the instance of an operation, or null where there is no such operation */
export async function findOperationEnvironment(db: Db, id: string): Promise<string | null> {
  const rows = await db
    .select({ environment: instances.environment })
    .from(operations)
    .innerJoin(instances, eq(instances.id, operations.instanceId))
    .where(eq(operations.id, BigInt(id)));
  return rows[0]?.environment ?? null;
}

/** @returns the id of a repetition of an operation that has succeeded, or has not come to its end; null where there is none */
export async function findRepetition(db: Db, retryOf: bigint): Promise<string | null> {
  const rows = await db.execute(
    sql`select repetition.id::text as id from ${repetitionsOf(sql`${retryOf}`)} where ${isOpen} or ${hasSucceeded} limit 1`,
  );
  return (rows as unknown as { id: string }[])[0]?.id ?? null;
}

/** Changes an operation that has the status `from` and, if one is given, this worker. @returns the changed row, or null */
export async function updateOperation(
  db: Db,
  id: bigint,
  from: OperationStatus,
  changes: Record<string, unknown>,
  worker?: string,
): Promise<StoredOperation | null> {
  const isWorkers = worker === undefined ? undefined : eq(operations.worker, worker);
  const rows = await db
    .update(operations)
    .set(changes)
    .where(and(eq(operations.id, id), eq(operations.status, from), isWorkers))
    .returning();
  return rows[0] ?? null;
}

const NOW = sql`to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** Adds what a poll has shown, with its time. @returns the operation, or null where it has passed to another worker */
export async function updateOperationProgress(
  db: Db,
  { id, worker }: { id: bigint; worker: string },
  entry: { resourceStatus: string; message: string; percent: number | null },
): Promise<StoredOperation | null> {
  const progress = sql`${operations.progress} || jsonb_build_array(jsonb_build_object('at', ${NOW}) || ${JSON.stringify(entry)}::jsonb)`;
  const changes = { progress, resourceStatus: entry.resourceStatus };
  return updateOperation(db, id, "RUNNING", changes, worker);
}

/**
 * Writes that the provider is about to be asked for an operation, with the time; null takes that back.
 * @returns the intent, or undefined where the operation has passed to another worker
 */
export async function updateOperationIntent(
  db: Db,
  { id, worker }: { id: bigint; worker: string },
  saw: Sight | null,
): Promise<Intent | null | undefined> {
  const intent = saw && sql`jsonb_build_object('askedAt', ${NOW}, 'saw', ${JSON.stringify(saw)}::jsonb)`;
  return (await updateOperation(db, id, "RUNNING", { intent }, worker))?.intent as Intent | null | undefined;
}

/**
 * Writes that somebody wants an operation to end; the first who does counts. @param by who, as an actor is described
 * @returns false where its provider is not asked about it any more
 */
export async function updateOperationCancelling(db: Db, id: bigint, by: unknown): Promise<boolean> {
  const { cancelRequestedAt, cancelRequestedBy, status } = operations;
  const rows = await db
    .update(operations)
    .set({
      cancelRequestedAt: sql`coalesce(${cancelRequestedAt}, clock_timestamp())`,
      cancelRequestedBy: sql`coalesce(${cancelRequestedBy}, ${JSON.stringify(by)}::jsonb)`,
    })
    .where(and(eq(operations.id, id), sql`(${status} = 'RUNNING' or ${isSettling})`))
    .returning({ id: operations.id });
  return rows.length === 1;
}

/** @returns the instances with operations that are queued, or run without a living worker */
export async function listWaitingInstances(db: Db): Promise<bigint[]> {
  const rows = await db
    .selectDistinct({ instanceId: operations.instanceId })
    .from(operations)
    .where(
      sql`${operations.status} = 'QUEUED' or (${operations.status} = 'RUNNING' and ${operations.leaseUntil} < now())`,
    );
  return rows.map(({ instanceId }) => instanceId);
}

/** The condition of operations that have timed out, and whose provider is still asked how they have ended. */
const isSettling = and(
  sql`${operations.status} = 'TIMED_OUT'`,
  sql`${operations.settledAt} is null`,
  sql`${operations.endedAt} > now() - interval '1 day'`,
);

/** @returns operations that have timed out and whose end is not known yet */
export const listUnreconciledOperations = async (db: Db, provider: string): Promise<StoredOperation[]> =>
  db
    .select()
    .from(operations)
    .where(
      and(
        isSettling,
        sql`exists (select from instances i where i.id = ${operations.instanceId} and i.provider = ${provider})`,
      ),
    )
    .orderBy(asc(operations.id))
    .limit(100);

/** Writes the true end of an operation that had timed out. @returns false where it was written already */
export async function reconcileOperation(db: Db, id: bigint, changes: Record<string, unknown>): Promise<boolean> {
  const rows = await db
    .update(operations)
    .set({ ...changes, settledAt: sql`now()` })
    .where(and(eq(operations.id, id), sql`${operations.settledAt} is null`))
    .returning({ id: operations.id });
  return rows.length === 1;
}
