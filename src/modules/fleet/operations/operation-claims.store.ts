/** The statements by which workers claim operations: each begins in its turn, and one worker holds its lease. */
import { and, asc, eq, getTableColumns, inArray, lt, type SQL, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import type { AppError } from "../../../errors.js";
import type { OperationLane } from "../../../values/operations/declaration.js";
import { isAutomaticFailoverOperation, laneOf, laneOfOperation, operations } from "./operations.table.js";

/** An operation that a worker has claimed. */
export type ClaimedOperation = typeof operations.$inferSelect & {
  /** How long it had run when it was claimed, by the database's clock. */
  readonly ranMs: number;
};
const claimedColumns = {
  ...getTableColumns(operations),
  ranMs: sql<number>`(extract(epoch from clock_timestamp() - ${operations.startedAt}) * 1000)::float8`,
};

const leaseOf = (milliseconds: number): SQL => sql`clock_timestamp() + ${milliseconds} * interval '1 millisecond'`;

const inLane = (lane: OperationLane): SQL => sql`${laneOfOperation} = ${lane}`;

/** The operations that overtake others: `automatic` failovers, or all `reboots`. With `only reboots`, nothing else begins. */
export type OvertakingOperation = "automatic" | "reboots" | "only reboots";

/** Lets one operation of a cluster and its members begin at a time, so that two that exclude each other cannot begin at the same moment. */
const lockClusterOf = async (db: Db, instanceId: bigint) =>
  db.execute(
    sql`select pg_advisory_xact_lock(hashtextextended(i.cluster ->> 'arn', 0)) from instances i where i.id = ${instanceId} and i.cluster is not null`,
  );

/**
 * What concerns a cluster as a whole and what concerns one member exclude each other: they begin in the order in which they were requested. What
 * waits for others that are queued waits only for older ones, so that no two wait for each other. @returns whether `operations` need not wait
 */
function isFreeInCluster(instanceId: bigint, isOvertaking: SQL): SQL {
  const isAhead = sql`(other.status = 'RUNNING' or (not ${isOvertaking} and (
    (other.status = 'QUEUED' and other.id < operations.id)
    or (other.status = 'TIMED_OUT' and other.settled_at is null and other.ended_at > now() - interval '1 hour')
  )))`;
  const cluster = sql`coalesce(operations.cluster_arn, (select i.cluster ->> 'arn' from instances i where i.id = ${instanceId}))`;
  return sql`(not exists (select from operations other where other.cluster_arn = ${cluster} and ${isAhead})
    and (operations.cluster_arn is null or not exists (
      select from operations other join instances member on member.id = other.instance_id
      where member.cluster ->> 'arn' = operations.cluster_arn and other.cluster_arn is null
        and ${laneOf({ lane: sql`other.lane`, type: sql`other.type` })} = 'servers' and ${isAhead}
    )))`;
}

/**
 * Begins the oldest queued operation of a lane, unless one runs there, or has timed out and may still run. Overtaking ones come first,
 * and do not wait for timed-out ones. Nothing begins while the one before it waits for its cluster. If two workers try at once, the locks
 * and the unique indexes let one through.
 * @returns the operation, or null where there is nothing to begin
 */
export async function claimNextOperation(
  db: Db,
  instanceId: bigint,
  lane: OperationLane,
  overtaking: OvertakingOperation,
  worker: string,
  leaseMs: number,
): Promise<ClaimedOperation | null> {
  const isOvertaking =
    overtaking === "automatic" ? isAutomaticFailoverOperation : sql`(${operations.type} = 'REBOOT_INSTANCE')`;
  const first = sql`(select id from operations where instance_id = ${instanceId} and status = 'QUEUED' and ${inLane(lane)}
    order by ${isAutomaticFailoverOperation} desc, ${isOvertaking} desc, id limit 1)`;
  const next = sql`(select id from operations where id = ${first} and status = 'QUEUED'
    and not exists (select from operations where instance_id = ${instanceId} and status = 'RUNNING' and ${inLane(lane)})
    and (${isOvertaking} or ${overtaking !== "only reboots"} and not exists (
      select from operations where instance_id = ${instanceId} and status = 'TIMED_OUT' and settled_at is null
        and ended_at > now() - interval '1 hour' and ${inLane(lane)}
    ))
    and ${lane === "servers" ? isFreeInCluster(instanceId, isOvertaking) : sql`true`}
    for update skip locked)`;
  const claim = async (db: Db) =>
    db
      .update(operations)
      .set({ status: "RUNNING", worker, leaseUntil: leaseOf(leaseMs), startedAt: sql`clock_timestamp()` })
      .where(and(sql`${operations.status} = 'QUEUED'`, sql`${operations.id} = ${next}`))
      .returning(claimedColumns);
  const claimed = db.transaction(async (db) => {
    if (lane === "servers") await lockClusterOf(db, instanceId);
    return claim(db);
  });
  const rows = await claimed.catch((error: AppError) => {
    // Another worker began another operation of this lane at the same moment.
    if (error.code === "CONFLICT") return [];
    throw error;
  });
  return rows[0] ?? null;
}

/** Takes over a running operation whose worker's lease has ended. @returns the operation, or null where there is none */
export async function claimAbandonedOperation(
  db: Db,
  instanceId: bigint,
  lane: OperationLane,
  worker: string,
  leaseMs: number,
): Promise<ClaimedOperation | null> {
  const abandoned = and(
    sql`${operations.status} = 'RUNNING'`,
    lt(operations.leaseUntil, sql`now()`),
    eq(operations.instanceId, instanceId),
    inLane(lane),
  );
  const oldest = db
    .select({ id: operations.id })
    .from(operations)
    .where(abandoned)
    .orderBy(asc(operations.id))
    .limit(1)
    .for("update", { skipLocked: true });
  const rows = await db
    .update(operations)
    .set({ worker, leaseUntil: leaseOf(leaseMs) })
    .where(inArray(operations.id, oldest))
    .returning(claimedColumns);
  return rows[0] ?? null;
}

/** Extends the lease of a worker on its operation; 0 gives it up. @returns whether somebody has cancelled the operation */
export async function updateOperationLease(db: Db, id: bigint, worker: string, leaseMs: number): Promise<boolean> {
  const rows = await db
    .update(operations)
    .set({ leaseUntil: leaseOf(leaseMs) })
    .where(and(eq(operations.id, id), eq(operations.status, "RUNNING"), eq(operations.worker, worker)))
    .returning({ isCancelled: sql<boolean>`${operations.cancelRequestedAt} is not null` });
  return rows[0]?.isCancelled ?? false;
}
