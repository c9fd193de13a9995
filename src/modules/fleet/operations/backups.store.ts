/** The statements of backups: their state, and which have expired. */
import { and, asc, eq, type SQL, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import { snapshots } from "../inventory/inventory.table.js";
import { operations } from "./operations.table.js";

/** The backups of an instance since a moment. */
interface BackupState {
  readonly isTaken: boolean;
  /** Whether one waits or runs, or has timed out and may still succeed. */
  readonly isUnderWay: boolean;
  /** Whether the last one was requested so lately that the next must wait. */
  readonly isTooSoon: boolean;
  /** The reason why the last failed one failed; null where none has. */
  readonly fault: string | null;
}

export async function findBackupState(db: Db, instanceId: bigint, since: Date): Promise<BackupState> {
  const { status, settlement, settledAt, requestedAt, error, id } = operations;
  const any = (condition: SQL) => sql<boolean>`coalesce(bool_or(${condition}), false)`;
  const fault = sql`coalesce(${error}, ${settlement} -> 'error') ->> 'message'`;
  const rows = await db
    .select({
      isTaken: any(sql`${status} = 'SUCCEEDED' or ${settlement} ->> 'status' = 'SUCCEEDED'`),
      isUnderWay: any(sql`${status} in ('QUEUED', 'RUNNING') or (${status} = 'TIMED_OUT' and ${settledAt} is null)`),
      isTooSoon: any(sql`${requestedAt} > now() - interval '10 minutes'`),
      fault: sql<
        string | null
      >`(array_agg(${fault} order by ${id} desc) filter (where ${status} in ('FAILED', 'TIMED_OUT')))[1]`,
    })
    .from(operations)
    .where(
      and(
        eq(operations.instanceId, instanceId),
        eq(operations.type, "CREATE_SNAPSHOT"),
        sql`${operations.parameters} -> 'automated' = 'true'`,
        sql`${requestedAt} >= ${since.toISOString()}::timestamptz`,
      ),
    );
  return rows[0] as BackupState;
}

/** @returns automated snapshots that were taken before a moment, but never the newest of all, which is the last resort */
export async function listExpiredSnapshots(
  db: Db,
  instanceId: bigint,
  before: Date,
): Promise<{ id: bigint; identifier: string; uid: string }[]> {
  return db
    .select({ id: snapshots.id, identifier: snapshots.identifier, uid: snapshots.uid })
    .from(snapshots)
    .where(
      and(
        eq(snapshots.instanceId, instanceId),
        eq(snapshots.automated, true),
        eq(snapshots.status, "available"),
        sql`${snapshots.createdAt} < ${before.toISOString()}::timestamptz`,
        sql`${snapshots.id} <> (
          select id from snapshots newest
          where newest.instance_id = ${instanceId} and newest.automated and newest.status = 'available'
          order by newest.created_at desc, newest.id desc limit 1
        )`,
      ),
    )
    .orderBy(asc(snapshots.createdAt))
    .limit(20);
}
