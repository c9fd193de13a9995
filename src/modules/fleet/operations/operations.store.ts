/** The statements of operations. Each change of status names the status before, so that of two writers only one succeeds. */
import { and, asc, eq, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import type { Intent, Sight } from "../../../providers/provider.js";
import type { OperationStatus } from "../../../values/operations.js";
import { snapshots } from "../inventory/inventory.table.js";
import { operations } from "./operations.table.js";

export type StoredOperation = typeof operations.$inferSelect;

/** Lets one transaction accept snapshots and restores at a time, so that two cannot get the same identifier. */
const SNAPSHOT_IDENTIFIERS = 7_239_402_333n;
export const lockOperationSnapshotIdentifiers = async (db: Db) =>
  db.execute(sql`select pg_advisory_xact_lock(${SNAPSHOT_IDENTIFIERS})`);

/**
 * @returns whether a snapshot of the same provider, account and region has this identifier, whatever its case, or an accepted operation
 * may still make one
 */
export async function isSnapshotIdentifierTaken(
  db: Db,
  identifier: string,
  {
    provider,
    accountId,
    region,
  }: { readonly provider: string; readonly accountId: string | null; readonly region: string | null },
): Promise<boolean> {
  const isOfScope = (instanceId: unknown) =>
    sql`exists (
      select from instances i where i.id = ${instanceId} and i.provider = ${provider}
        and i.account_id is not distinct from ${accountId} and i.region is not distinct from ${region}
    )`;
  const rows = await db.execute(
    sql`select exists (
            select from ${snapshots} where lower(${snapshots.identifier}) = lower(${identifier}) and ${snapshots.status} <> 'deleted'
              and ${isOfScope(snapshots.instanceId)}
          ) or exists (
            select from ${operations}
            where ${operations.type} = 'CREATE_SNAPSHOT' and lower(${operations.parameters} ->> 'snapshotId') = lower(${identifier})
              and (${operations.status} in ('PENDING_APPROVAL', 'SCHEDULED', 'QUEUED', 'RUNNING')
                or (${operations.status} = 'TIMED_OUT' and ${operations.settledAt} is null and now() - ${operations.endedAt} < interval '1 day'))
              and ${isOfScope(operations.instanceId)}
          ) as taken`,
  );
  return Boolean((rows as unknown as { taken: boolean }[])[0]?.taken);
}

/** @returns how many operations wait for an instance */
export async function countQueuedOperations(db: Db, instanceId: bigint): Promise<number> {
  const rows = await db
    .select({ count: sql<number>`count(*)::int` })
    .from(operations)
    .where(and(eq(operations.instanceId, instanceId), eq(operations.status, "QUEUED")));
  return rows[0]?.count ?? 0;
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

/** Adds what a poll has shown, with its time. @returns false where the operation has passed to another worker */
export async function updateOperationProgress(
  db: Db,
  { id, worker }: { id: bigint; worker: string },
  entry: { resourceStatus: string; message: string; percent: number | null },
): Promise<boolean> {
  const progress = sql`${operations.progress} || jsonb_build_array(jsonb_build_object('at', ${NOW}) || ${JSON.stringify(entry)}::jsonb)`;
  const changes = { progress, resourceStatus: entry.resourceStatus };
  return (await updateOperation(db, id, "RUNNING", changes, worker)) !== null;
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

/** @returns operations that have timed out and whose end is not known yet */
export const listUnreconciledOperations = async (db: Db, provider: string): Promise<StoredOperation[]> =>
  db
    .select()
    .from(operations)
    .where(
      and(
        eq(operations.status, "TIMED_OUT"),
        sql`${operations.settledAt} is null`,
        sql`${operations.endedAt} > now() - interval '1 day'`,
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
