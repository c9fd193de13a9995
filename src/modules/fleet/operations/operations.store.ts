/** The statements of operations. Every change of status names the status it changes, so that two writers cannot both win. */
import { and, asc, eq, getTableColumns, inArray, lt, type SQL, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import type { AppError } from "../../../errors.js";
import type { OperationStatus } from "../../../values/operations.js";
import { snapshots } from "../inventory/inventory.table.js";
import { isAutomaticFailover, isOfServers, operations } from "./operations.table.js";
export type StoredOperation = typeof operations.$inferSelect;

/** Serialises the acceptance of snapshots, so that an identifier is promised only once. Ends with the transaction. */
const SNAPSHOT_IDENTIFIERS = 7_239_402_333n;
export const lockSnapshotIdentifiers = async (db: Db) =>
  db.execute(sql`select pg_advisory_xact_lock(${SNAPSHOT_IDENTIFIERS})`);

/** @returns whether a snapshot has this identifier, in any case, or an operation that may still make one was accepted */
export async function isSnapshotIdentifierTaken(db: Db, identifier: string): Promise<boolean> {
  const rows = await db.execute(
    sql`select exists (
            select from ${snapshots} where lower(${snapshots.identifier}) = lower(${identifier}) and ${snapshots.status} <> 'deleted'
          ) or exists (
            select from ${operations}
            where ${operations.type} = 'CREATE_SNAPSHOT' and lower(${operations.parameters} ->> 'snapshotId') = lower(${identifier})
              and (${operations.status} in ('PENDING_APPROVAL', 'SCHEDULED', 'QUEUED', 'RUNNING')
                or (${operations.status} = 'TIMED_OUT' and ${operations.settledAt} is null))
          ) as taken`,
  );
  return Boolean((rows as unknown as { taken: boolean }[])[0]?.taken);
}

/** @returns how many operations wait for an instance */
export async function countQueued(db: Db, instanceId: bigint): Promise<number> {
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

/** Changes an operation that has the status `from`, and is `worker`'s where one is named. @returns it as it is then, or null */
export async function updateOperation(
  db: Db,
  id: bigint,
  from: OperationStatus,
  changes: Record<string, unknown>,
  worker?: string,
): Promise<StoredOperation | null> {
  const mine = worker === undefined ? undefined : eq(operations.worker, worker);
  const rows = await db
    .update(operations)
    .set(changes)
    .where(and(eq(operations.id, id), eq(operations.status, from), mine))
    .returning();
  return rows[0] ?? null;
}

/** An operation that a worker has claimed, and for how long it ran until then by the database's clock. */
export type ClaimedOperation = StoredOperation & { readonly ranMs: number };
const claimedColumns = {
  ...getTableColumns(operations),
  ranMs: sql<number>`(extract(epoch from clock_timestamp() - ${operations.startedAt}) * 1000)::float8`,
};

const leaseOf = (milliseconds: number): SQL => sql`now() + ${milliseconds} * interval '1 millisecond'`;

/** What works on the servers of an instance, and what works on its snapshots, wait each for their own kind alone. */
export type Lane = "servers" | "snapshots";

const inLane = (lane: Lane): SQL => (lane === "servers" ? isOfServers : sql`not ${isOfServers}`);

/** What comes first: `automatic`, an automatic failover; `reboots`, other reboots too, and before them nothing else waits for an end; `only reboots`. */
export type First = "automatic" | "reboots" | "only reboots";

/**
 * Begins the oldest queued operation of an instance in its lane unless one runs there, or may still run after it had timed out. What
 * comes first waits for no end that is not certain. Two that try at once: the row lock and the unique index let one through.
 * @returns it, or null where there is nothing to begin
 */
export async function claimNext(
  db: Db,
  instanceId: bigint,
  lane: Lane,
  first: First,
  worker: string,
  leaseMs: number,
): Promise<ClaimedOperation | null> {
  const isFirst = first === "automatic" ? isAutomaticFailover : sql`(${operations.type} = 'REBOOT_INSTANCE')`;
  const next = sql`(select id from operations where instance_id = ${instanceId} and status = 'QUEUED' and ${inLane(lane)}
    and not exists (select from operations where instance_id = ${instanceId} and status = 'RUNNING' and ${inLane(lane)})
    and (${isFirst} or ${first !== "only reboots"} and not exists (
      select from operations where instance_id = ${instanceId} and status = 'TIMED_OUT' and settled_at is null
        and ended_at > now() - interval '1 hour' and ${inLane(lane)}
    ))
    order by ${isAutomaticFailover} desc, ${isFirst} desc, id limit 1 for update skip locked)`;
  const rows = await db
    .update(operations)
    .set({ status: "RUNNING", worker, leaseUntil: leaseOf(leaseMs), startedAt: sql`now()` })
    .where(and(eq(operations.status, "QUEUED"), sql`${operations.id} = ${next}`))
    .returning(claimedColumns)
    .catch((error: AppError) => {
      // Somebody else began another one of this instance in the same moment.
      if (error.code === "CONFLICT") return [];
      throw error;
    });
  return rows[0] ?? null;
}

/** Takes over a running operation whose worker gives no sign of life. @returns it, or null where somebody was quicker */
export async function claimAbandoned(
  db: Db,
  instanceId: bigint,
  lane: Lane,
  worker: string,
  leaseMs: number,
): Promise<ClaimedOperation | null> {
  const abandoned = and(
    eq(operations.status, "RUNNING"),
    lt(operations.leaseUntil, sql`now()`),
    eq(operations.instanceId, instanceId),
    inLane(lane),
  );
  const one = db
    .select({ id: operations.id })
    .from(operations)
    .where(abandoned)
    .orderBy(asc(operations.id))
    .limit(1)
    .for("update", { skipLocked: true });
  const rows = await db
    .update(operations)
    .set({ worker, leaseUntil: leaseOf(leaseMs) })
    .where(inArray(operations.id, one))
    .returning(claimedColumns);
  return rows[0] ?? null;
}

/** Says that the worker of an operation lives; with 0, that it lets go. */
export async function renewLease(db: Db, id: bigint, worker: string, leaseMs: number): Promise<void> {
  await updateOperation(db, id, "RUNNING", { leaseUntil: leaseOf(leaseMs) }, worker);
}

const NOW = sql`to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** Notes what a poll saw, and when. @returns false where the operation is not the worker's any more */
export async function noteProgress(
  db: Db,
  { id, worker }: { id: bigint; worker: string },
  entry: { resourceStatus: string; message: string; percent: number | null },
): Promise<boolean> {
  const progress = sql`${operations.progress} || jsonb_build_array(jsonb_build_object('at', ${NOW}) || ${JSON.stringify(entry)}::jsonb)`;
  const changes = { progress, resourceStatus: entry.resourceStatus };
  return (await updateOperation(db, id, "RUNNING", changes, worker)) !== null;
}

/** @returns the instances with operations that wait, or that run without a living worker */
export async function listWaitingInstances(db: Db): Promise<bigint[]> {
  const rows = await db
    .selectDistinct({ instanceId: operations.instanceId })
    .from(operations)
    .where(
      sql`${operations.status} = 'QUEUED' or (${operations.status} = 'RUNNING' and ${operations.leaseUntil} < now())`,
    );
  return rows.map(({ instanceId }) => instanceId);
}

/** @returns operations that timed out, and whose end is not known yet */
export const listUnreconciled = async (db: Db, provider: string): Promise<StoredOperation[]> =>
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

/** Writes down the true end of an operation that had timed out. @returns false where it was written already */
export async function reconcileOperation(db: Db, id: bigint, changes: Record<string, unknown>): Promise<boolean> {
  const rows = await db
    .update(operations)
    .set({ ...changes, settledAt: sql`now()` })
    .where(and(eq(operations.id, id), sql`${operations.settledAt} is null`))
    .returning({ id: operations.id });
  return rows.length === 1;
}
