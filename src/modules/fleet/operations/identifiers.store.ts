/** The statements of identifiers that operations name or take: snapshots, and those of new snapshots and instances. */
import { and, desc, eq, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import { LOCKS } from "../../../db/locks.js";
import type { NamedSnapshot } from "../../../values/operations/declaration.js";
import { instances, snapshots } from "../inventory/inventory.table.js";
import { operations } from "./operations.table.js";

/** Lets one transaction accept snapshots and restores at a time, so that two cannot get the same identifier. */
export const lockOperationIdentifiers = async (db: Db) =>
  db.execute(sql`select pg_advisory_xact_lock(${LOCKS.identifiers})`);

interface Scope {
  readonly provider: string;
  readonly accountId: string | null;
  readonly region: string | null;
}

/** Whether an instance is of a provider's account and region, in which identifiers are unique. */
const isOfScope = (instanceId: unknown, { provider, accountId, region }: Scope) =>
  sql`exists (
    select from instances i where i.id = ${instanceId} and i.provider = ${provider}
      and i.account_id is not distinct from ${accountId} and i.region is not distinct from ${region}
  )`;

/** Whether an accepted operation may still make what it names. Nobody looks any more for what has timed out more than a day ago. */
const mayStillMakeIt = sql`(${operations.status} in ('PENDING_APPROVAL', 'SCHEDULED', 'QUEUED', 'RUNNING')
  or (${operations.status} = 'TIMED_OUT' and ${operations.settledAt} is null and now() - ${operations.endedAt} < interval '1 day'))`;

/**
 * @returns whether a snapshot of the same provider, account and region has this identifier, whatever its case, or an accepted operation
 * may still make one
 */
export async function isSnapshotIdentifierTaken(db: Db, identifier: string, scope: Scope): Promise<boolean> {
  const rows = await db.execute(
    sql`select exists (
            select from ${snapshots} where lower(${snapshots.identifier}) = lower(${identifier}) and ${snapshots.status} <> 'deleted'
              and ${isOfScope(snapshots.instanceId, scope)}
          ) or exists (
            select from ${operations}
            where ${operations.type} = 'CREATE_SNAPSHOT' and lower(${operations.parameters} ->> 'snapshotId') = lower(${identifier})
              and ${mayStillMakeIt}
              and ${isOfScope(operations.instanceId, scope)}
          ) as taken`,
  );
  return Boolean((rows as unknown as { taken: boolean }[])[0]?.taken);
}

/**
 * @param uid the one that is meant, which may be deleted; without it, the one that has this identifier now
 * @returns the snapshot of an instance with this identifier, whatever its case, or null
 */
export async function findNamedSnapshot(
  db: Db,
  instanceId: bigint,
  identifier: string,
  uid?: string,
): Promise<NamedSnapshot | null> {
  const rows = await db
    .select()
    .from(snapshots)
    .where(
      and(
        eq(snapshots.instanceId, instanceId),
        sql`lower(${snapshots.identifier}) = lower(${identifier})`,
        uid === undefined ? sql`${snapshots.status} <> 'deleted'` : eq(snapshots.uid, uid),
      ),
    )
    .orderBy(desc(snapshots.createdAt), desc(snapshots.id))
    .limit(1);
  return (rows[0] as NamedSnapshot | undefined) ?? null;
}

/**
 * @returns whether a present instance of the same provider, account and region has this identifier, whatever its case, or an accepted
 * restore may still make one
 */
export async function isInstanceIdentifierTaken(db: Db, identifier: string, scope: Scope): Promise<boolean> {
  const rows = await db.execute(
    sql`select exists (
            select from ${instances} where lower(${instances.identifier}) = lower(${identifier}) and ${instances.vanishedAt} is null
              and ${isOfScope(instances.id, scope)}
          ) or exists (
            select from ${operations}
            where ${operations.parameters} ? 'identifier' and lower(${operations.parameters} ->> 'identifier') = lower(${identifier})
              and ${mayStillMakeIt}
              and ${isOfScope(operations.instanceId, scope)}
          ) as taken`,
  );
  return Boolean((rows as unknown as { taken: boolean }[])[0]?.taken);
}
