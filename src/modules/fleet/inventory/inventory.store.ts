/** The statements of the inventory: instances and snapshots. */
import { and, desc, eq, inArray, isNotNull, isNull, ne, type SQL, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import type { InstanceDescription, SnapshotDescription } from "../../../providers/provider.js";
import type { Classification } from "./classifier.js";
import { instances, snapshots } from "./inventory.table.js";

/** A row of `instances`. */
export type StoredInstance = typeof instances.$inferSelect;

/** @returns the instance with this id, or null */
export const findInstanceById = (db: Db, id: bigint, lock = false): Promise<StoredInstance | null> =>
  findOne(db, eq(instances.id, id), lock);

/** @returns the only present instance with this identifier, whatever its case; null where there is none, or more than one */
export const findInstanceByIdentifier = (db: Db, identifier: string, lock = false): Promise<StoredInstance | null> =>
  findOne(db, sql`lower(${instances.identifier}) = lower(${identifier}) and ${instances.vanishedAt} is null`, lock);

async function findOne(db: Db, condition: SQL, lock: boolean): Promise<StoredInstance | null> {
  const query = db.select().from(instances).where(condition).limit(2);
  const rows = await (lock ? query.for("update") : query);
  return rows.length === 1 ? (rows[0] ?? null) : null;
}

/** @returns the instances of a provider, vanished ones too */
export const listStoredInstances = async (db: Db, provider: string): Promise<StoredInstance[]> =>
  db.select().from(instances).where(eq(instances.provider, provider));

/** The status of snapshots that do not exist any more. */
const DELETED = "deleted";

/** @returns the instances that a provider lists no more, but of which it may still have snapshots */
export const listVanishedWithSnapshots = async (db: Db, provider: string): Promise<StoredInstance[]> =>
  db
    .select()
    .from(instances)
    .where(
      and(
        eq(instances.provider, provider),
        isNotNull(instances.vanishedAt),
        sql`exists (select from ${snapshots} where ${snapshots.instanceId} = ${instances.id} and ${snapshots.status} <> ${DELETED})`,
      ),
    );

/**
 * @returns the start of a refresh, by the database's clock. The provider's answer may be old when it comes, so it is written only where
 * no later refresh has written
 */
export async function findRefreshStart(db: Db): Promise<string> {
  const rows = await db.execute<{ at: string }>(sql`select clock_timestamp()::text as at`);
  return rows[0]!.at;
}

/** What a new instance counts as until it is classified, in the same transaction. */
const UNCLASSIFIED: Classification = {
  environment: "PRODUCTION",
  decidedBy: "DEFAULT",
  conflict: false,
  evidence: [],
  dispute: null,
};

/** Writes a provider's description of an instance, without classifying it. @returns its id, or null where a later refresh has written */
export async function upsertStoredInstance(
  db: Db,
  provider: string,
  { providerId, storageGiB, findings: _, ...description }: InstanceDescription,
  lookedAt: string,
): Promise<bigint | null> {
  const values = {
    ...description,
    storageGib: storageGiB,
    lastSeenAt: lookedAt,
    vanishedAt: null,
  };
  const rows = await db
    .insert(instances)
    .values({
      ...{ provider, providerId, ...values },
      environment: UNCLASSIFIED.environment,
      classification: UNCLASSIFIED,
    })
    .onConflictDoUpdate({
      target: [instances.provider, instances.providerId],
      set: {
        ...values,
        backupWindowSince: sql`case when (${instances.backupWindow}, coalesce(${instances.backupRetentionDays}, 0) > 0)
          is distinct from (excluded.backup_window, coalesce(excluded.backup_retention_days, 0) > 0) then now() else ${instances.backupWindowSince} end`,
      },
      setWhere: sql`${instances.lastSeenAt} <= ${lookedAt}::timestamptz`,
    })
    .returning({ id: instances.id });
  return rows[0]?.id ?? null;
}

/** @returns the id of an instance of a provider, or null */
export async function findInstanceId(db: Db, provider: string, providerId: string): Promise<bigint | null> {
  const rows = await db
    .select({ id: instances.id })
    .from(instances)
    .where(and(eq(instances.provider, provider), eq(instances.providerId, providerId)));
  return rows[0]?.id ?? null;
}

/** Marks the instances that a refresh has not found, unless a later refresh has. */
export async function markVanished(
  db: Db,
  provider: string,
  present: readonly string[],
  lookedAt: string,
): Promise<void> {
  await db
    .update(instances)
    .set({ vanishedAt: sql`now()` })
    .where(
      and(
        eq(instances.provider, provider),
        isNull(instances.vanishedAt),
        sql`${instances.lastSeenAt} <= ${lookedAt}::timestamptz`,
        sql`not (${instances.providerId} = any (array(select jsonb_array_elements_text(${JSON.stringify(present)}::jsonb))))`,
      ),
    );
}

/**
 * Writes a provider's description of a snapshot, unless a later refresh has written. An older snapshot with the same ARN is marked as
 * deleted, even if it was one of another instance. @returns the id
 */
export async function upsertSnapshot(
  db: Db,
  instanceId: bigint,
  snapshot: SnapshotDescription,
  lookedAt: string,
): Promise<bigint> {
  const { arn, uid, createdAt } = snapshot;
  await db
    .update(snapshots)
    .set({ status: DELETED })
    .where(
      and(
        eq(snapshots.arn, arn),
        ne(snapshots.uid, uid),
        ne(snapshots.status, DELETED),
        sql`${snapshots.createdAt} <= ${createdAt}::timestamptz`,
      ),
    );
  const values = { instanceId, ...snapshot, lookedAt };
  await db
    .insert(snapshots)
    .values(values)
    .onConflictDoUpdate({
      target: [snapshots.arn, snapshots.uid],
      // A cluster's snapshot is of all members, and stays with the first that it was seen at.
      set: { ...values, instanceId: snapshots.instanceId },
      setWhere: sql`${snapshots.lookedAt} <= ${lookedAt}::timestamptz`,
    });
  const rows = await db
    .select({ id: snapshots.id })
    .from(snapshots)
    .where(and(eq(snapshots.arn, arn), eq(snapshots.uid, uid)));
  return rows[0]!.id;
}

/** @returns an instance's snapshots that are not known to be deleted */
export const listPresentSnapshots = async (db: Db, instanceId: bigint) =>
  db
    .select({ id: snapshots.id, arn: snapshots.arn, uid: snapshots.uid })
    .from(snapshots)
    .where(and(eq(snapshots.instanceId, instanceId), ne(snapshots.status, DELETED)));

/** Marks snapshots that a refresh has not found, unless a later refresh has. The rows stay, because operations refer to them. */
export async function markSnapshotsDeleted(db: Db, ids: readonly bigint[], lookedAt: string): Promise<void> {
  if (ids.length === 0) return;
  await db
    .update(snapshots)
    .set({ status: DELETED, lookedAt })
    .where(and(inArray(snapshots.id, [...ids]), sql`${snapshots.lookedAt} <= ${lookedAt}::timestamptz`));
}

/** Sets the newest backup of an instance that can be restored. */
export async function updateStoredLastBackup(db: Db, instanceId: bigint): Promise<void> {
  const newest = db
    .select({ id: snapshots.id })
    .from(snapshots)
    .where(and(eq(snapshots.instanceId, instanceId), eq(snapshots.status, "available")))
    .orderBy(desc(snapshots.createdAt), desc(snapshots.id))
    .limit(1);
  await db
    .update(instances)
    .set({ lastBackupId: sql`(${newest})` })
    .where(and(eq(instances.id, instanceId), sql`${instances.lastBackupId} is distinct from (${newest})`));
}
