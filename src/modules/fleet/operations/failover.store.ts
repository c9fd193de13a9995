/** The statements of automatic failovers: what runs on an instance, and whether a failover or reboot is under way. */
import { and, eq, type SQL, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import { isAutomaticFailoverOperation, laneOfOperation, operations } from "./operations.table.js";

/** @returns the operations that run on the servers of an instance, locked */
export const listRunningBeforeFailover = async (
  db: Db,
  instanceId: bigint,
): Promise<(typeof operations.$inferSelect)[]> =>
  db
    .select()
    .from(operations)
    .where(
      and(eq(operations.instanceId, instanceId), sql`${operations.status} = 'RUNNING'`, eq(laneOfOperation, "servers")),
    )
    .for("update");

const hasAny = async (db: Db, instanceId: bigint, ...conditions: SQL[]): Promise<boolean> => {
  const where = and(eq(operations.instanceId, instanceId), ...conditions);
  const rows = await db.select({ id: operations.id }).from(operations).where(where).limit(1);
  return rows.length > 0;
};

/** @returns whether an automatic failover of an instance is under way, or ended within the last minute */
export const hasAutomaticFailoverUnderWay = (db: Db, instanceId: bigint): Promise<boolean> => {
  const isRecent = sql`(${operations.status} in ('QUEUED', 'RUNNING') or ${operations.endedAt} > now() - interval '1 minute')`;
  return hasAny(db, instanceId, isAutomaticFailoverOperation, isRecent);
};

/** @returns whether a reboot of an instance waits */
export const hasQueuedReboot = (db: Db, instanceId: bigint): Promise<boolean> =>
  hasAny(db, instanceId, sql`${operations.status} = 'QUEUED'`, eq(operations.type, "REBOOT_INSTANCE"));
