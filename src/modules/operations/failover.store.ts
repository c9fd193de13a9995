/** The statements of automatic failovers: what runs on the instance, and whether one is under way. */
import { and, eq, sql } from "drizzle-orm";
import type { Db } from "../../db/client.js";
import { fromPostgres } from "../../db/postgres-errors.js";
import { isAutomaticFailover, operations } from "../../db/tables/index.js";

const failed = (error: unknown) => Promise.reject(fromPostgres(error));

/** @returns the operations that run on an instance, locked */
export const listRunning = (db: Db, instanceId: bigint): Promise<(typeof operations.$inferSelect)[]> =>
  db
    .select()
    .from(operations)
    .where(and(eq(operations.instanceId, instanceId), eq(operations.status, "RUNNING")))
    .for("update")
    .catch(failed);

/** @returns whether an automatic failover of an instance is under way, or ended within the last minute */
export async function hasAutomaticFailover(db: Db, instanceId: bigint): Promise<boolean> {
  const rows = await db
    .select({ id: operations.id })
    .from(operations)
    .where(
      and(
        eq(operations.instanceId, instanceId),
        isAutomaticFailover,
        sql`(${operations.status} in ('QUEUED', 'RUNNING') or ${operations.endedAt} > now() - interval '1 minute')`,
      ),
    )
    .limit(1)
    .catch(failed);
  return rows.length > 0;
}
