/** The statements of snapshots. */
import { and, eq, ne, notInArray, type SQL, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import type { ProviderSnapshotName, SnapshotDescription } from "../../../providers/provider.js";
import { instances, snapshots } from "./inventory.table.js";

/** The status of snapshots that do not exist any more. */
const DELETED = "deleted";

/** A snapshot as its provider describes it, and the instance that it is of. */
export interface DescribedSnapshot extends SnapshotDescription {
  readonly instanceId: bigint;
}

/** One statement writes so many snapshots at most. */
const BATCH = 1000;

/**
 * Writes a provider's descriptions of snapshots, unless a later look has written. An older snapshot with the same ARN is marked as
 * deleted, even if it was one of another instance. A cluster's snapshot is of all members, and stays with the first that it was seen at.
 * What its instance counts as at the first sight stays with it.
 */
export async function upsertSnapshots(
  db: Db,
  described: readonly DescribedSnapshot[],
  lookedAt: string,
): Promise<void> {
  for (let from = 0; from < described.length; from += BATCH) {
    const batch = described
      .slice(from, from + BATCH)
      .map(({ instanceId, ...snapshot }) => ({ ...snapshot, instanceId: String(instanceId) }));
    await db.execute(sql`
      with told as (
        select distinct on (arn) * from jsonb_to_recordset(${JSON.stringify(batch)}::jsonb) as told (
          "instanceId" bigint, identifier text, arn text, uid text, status text, "sizeBytes" float8, tags jsonb, automated boolean, "createdAt" timestamptz)
        order by arn, "createdAt" desc
      ), replaced as (
        update ${snapshots} as s set status = ${DELETED}, looked_at = ${lookedAt}::timestamptz from told
        where s.arn = told.arn and s.uid <> told.uid and s.status <> ${DELETED} and s.created_at <= told."createdAt"
      )
      insert into ${snapshots} as s (instance_id, identifier, arn, uid, status, size_bytes, tags, automated, environment, created_at, looked_at)
      select "instanceId", identifier, arn, uid, status, "sizeBytes", tags, automated,
        (select i.environment from ${instances} i where i.id = "instanceId"), "createdAt", ${lookedAt}::timestamptz from told
      on conflict (arn, uid) do update set identifier = excluded.identifier, status = excluded.status,
        size_bytes = excluded.size_bytes, tags = excluded.tags, automated = excluded.automated, created_at = excluded.created_at,
        looked_at = excluded.looked_at, environment = coalesce(s.environment, excluded.environment)
      where s.looked_at <= excluded.looked_at
        and (s.environment is null or (s.identifier, s.status, s.size_bytes, s.tags, s.automated, s.created_at) is distinct from
          (excluded.identifier, excluded.status, excluded.size_bytes, excluded.tags, excluded.automated, excluded.created_at))`);
  }
}

/** @returns the id of a snapshot that was written */
export async function findSnapshotId(db: Db, { arn, uid }: Pick<SnapshotDescription, "arn" | "uid">): Promise<bigint> {
  const rows = await db
    .select({ id: snapshots.id })
    .from(snapshots)
    .where(and(eq(snapshots.arn, arn), eq(snapshots.uid, uid)));
  return rows[0]!.id;
}

/** The instances whose snapshots are meant: one, or all of a scope but those that stay as they were known. */
export type SnapshotOwners =
  | { readonly instanceId: bigint }
  | { readonly scopeId: bigint; readonly kept: readonly bigint[] };

const isOneOf = (owners: SnapshotOwners): SQL | undefined =>
  "scopeId" in owners
    ? and(eq(instances.scopeId, owners.scopeId), notInArray(instances.id, [...owners.kept]))
    : eq(instances.id, owners.instanceId);

/**
 * Marks the snapshots that a look has not found, unless they were written after it began. The rows stay for 400 days, and those that operations have made.
 */
export async function markSnapshotsDeleted(
  db: Db,
  owners: SnapshotOwners,
  described: readonly SnapshotDescription[],
  lookedAt: string,
): Promise<void> {
  const found = JSON.stringify(described.map(({ arn, uid }) => ({ arn, uid })));
  await db
    .update(snapshots)
    .set({ status: DELETED, lookedAt })
    .where(
      and(
        ne(snapshots.status, DELETED),
        sql`${snapshots.lookedAt} <= ${lookedAt}::timestamptz`,
        sql`${snapshots.instanceId} in (select ${instances.id} from ${instances} where ${isOneOf(owners)})`,
        sql`(${snapshots.arn}, ${snapshots.uid}) not in (select arn, uid from jsonb_to_recordset(${found}::jsonb) as found (arn text, uid text))`,
      ),
    );
}

/** Marks a snapshot that an operation has deleted; the listing of its scope may come an hour later. */
export async function markSnapshotDeleted(
  db: Db,
  instanceId: bigint,
  { snapshotId, snapshotUid }: ProviderSnapshotName,
): Promise<void> {
  await db
    .update(snapshots)
    .set({ status: DELETED, lookedAt: sql`clock_timestamp()` })
    .where(
      and(
        eq(snapshots.instanceId, instanceId),
        sql`lower(${snapshots.identifier}) = lower(${snapshotId})`,
        snapshotUid === undefined ? undefined : eq(snapshots.uid, snapshotUid),
        ne(snapshots.status, DELETED),
      ),
    );
}

/** Sets the newest backups of instances that can be restored. */
export async function updateLastBackups(db: Db, owners: SnapshotOwners): Promise<void> {
  const newest = sql`(
    select s.id from ${snapshots} s where s.instance_id = ${instances.id} and s.status = 'available'
    order by s.created_at desc, s.id desc limit 1)`;
  await db
    .update(instances)
    .set({ lastBackupId: newest })
    .where(and(isOneOf(owners), sql`${instances.lastBackupId} is distinct from ${newest}`));
}
