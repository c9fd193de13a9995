/** The statements of restores: finding a snapshot, and checking whether an identifier is taken. */
import { and, desc, eq, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import { instances, snapshots } from "../inventory/inventory.table.js";
import { operations } from "./operations.table.js";

/** @returns the snapshot of an instance that has this identifier now, whatever its case, or null */
export async function findSnapshotToRestore(
  db: Db,
  instanceId: bigint,
  identifier: string,
): Promise<typeof snapshots.$inferSelect | null> {
  const rows = await db
    .select()
    .from(snapshots)
    .where(
      and(
        eq(snapshots.instanceId, instanceId),
        sql`lower(${snapshots.identifier}) = lower(${identifier})`,
        sql`${snapshots.status} <> 'deleted'`,
      ),
    )
    .orderBy(desc(snapshots.createdAt), desc(snapshots.id))
    .limit(1);
  return rows[0] ?? null;
}

/** @returns whether a present instance has this identifier, whatever its case, or an accepted restore may still make one */
export async function isRestoreIdentifierTaken(db: Db, identifier: string): Promise<boolean> {
  const rows = await db.execute(
    sql`select exists (
            select from ${instances} where lower(${instances.identifier}) = lower(${identifier}) and ${instances.vanishedAt} is null
          ) or exists (
            select from ${operations}
            where ${operations.parameters} ? 'identifier' and lower(${operations.parameters} ->> 'identifier') = lower(${identifier})
              and (${operations.status} in ('PENDING_APPROVAL', 'SCHEDULED', 'QUEUED', 'RUNNING')
                or (${operations.status} = 'TIMED_OUT' and ${operations.settledAt} is null))
          ) as taken`,
  );
  return Boolean((rows as unknown as { taken: boolean }[])[0]?.taken);
}
