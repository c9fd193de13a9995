/** The statements of a refresh: what was known of instances, and what is known of them now. */
import { and, eq, inArray, isNull, or, type SQL, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import { columnIdentifier } from "../../../db/dialect.js";
import type { Classification } from "./classifier.js";
import { instances } from "./inventory.table.js";

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
const UNCLASSIFIED_COLUMNS = { environment: UNCLASSIFIED.environment, classification: UNCLASSIFIED };

/** What a refresh writes of an instance, without classifying it. */
export type WrittenInstance = Omit<typeof instances.$inferInsert, keyof typeof UNCLASSIFIED_COLUMNS>;

/** An instance that was known before a look. */
export type KnownInstance = typeof instances.$inferSelect & {
  /** Whether a look that began later has written it already, or has found it gone. */
  readonly isNewer: boolean;
};

/**
 * @param scopeId the scope whose present instances are wanted beside those with these ids at the provider; null where only these are
 * @returns them, with these ids vanished ones too, and where a scope is given also those that were never listed in one
 */
export async function listKnownInstances(
  db: Db,
  provider: string,
  scopeId: bigint | null,
  providerIds: readonly string[],
  lookedAt: string,
): Promise<KnownInstance[]> {
  const named = sql`${instances.providerId} = any (array(select jsonb_array_elements_text(${JSON.stringify(providerIds)}::jsonb)))`;
  // Those that are gone grow without an end. One that comes back is among the ids.
  const ofScope =
    scopeId === null
      ? []
      : [and(eq(instances.scopeId, scopeId), isNull(instances.vanishedAt)), isNull(instances.scopeId)];
  const isNewer = sql<boolean>`greatest(${instances.lastSeenAt}, ${instances.vanishedAt}) > ${lookedAt}::timestamptz`;
  const rows = await db
    .select({ instance: instances, isNewer })
    .from(instances)
    .where(and(eq(instances.provider, provider), or(named, ...ofScope)));
  return rows.map(({ instance, isNewer }) => ({ ...instance, isNewer }));
}

/** One statement writes so many instances at most. */
const BATCH = 500;

/** @returns the ids of the instances by their ids at the provider. The caller holds the lock of the classification. */
export async function upsertInstances(db: Db, written: readonly WrittenInstance[]): Promise<Map<string, bigint>> {
  const ids = new Map<string, bigint>();
  for (let from = 0; from < written.length; from += BATCH) {
    const batch = written.slice(from, from + BATCH);
    const { provider: _, providerId: __, ...changed } = batch[0] as WrittenInstance;
    const set: Record<string, SQL> = Object.fromEntries(
      Object.keys(changed).map((name) => [
        name,
        sql`excluded.${columnIdentifier(instances[name as keyof typeof changed])}`,
      ]),
    );
    const rows = await db
      .insert(instances)
      .values(batch.map((row) => ({ ...row, ...UNCLASSIFIED_COLUMNS })))
      .onConflictDoUpdate({
        target: [instances.provider, instances.providerId],
        set: {
          ...set,
          backupWindowSince: sql`case when (${instances.backupWindow}, coalesce(${instances.backupRetentionDays}, 0) > 0)
            is distinct from (excluded.backup_window, coalesce(excluded.backup_retention_days, 0) > 0) then now() else ${instances.backupWindowSince} end`,
        },
      })
      .returning({ id: instances.id, providerId: instances.providerId });
    for (const { id, providerId } of rows) ids.set(providerId, id);
  }
  return ids;
}

/** @returns the ids of the instances of a scope, vanished ones too, by their ids at the provider */
export async function listInstanceIds(db: Db, scopeId: bigint): Promise<Map<string, bigint>> {
  const rows = await db
    .select({ id: instances.id, providerId: instances.providerId })
    .from(instances)
    .where(eq(instances.scopeId, scopeId));
  return new Map(rows.map(({ id, providerId }) => [providerId, id]));
}

/** @returns the ids at the provider of the instances of a scope that are not gone */
export async function listPresentProviderIds(db: Db, scopeId: bigint): Promise<string[]> {
  const rows = await db
    .select({ providerId: instances.providerId })
    .from(instances)
    .where(and(eq(instances.scopeId, scopeId), isNull(instances.vanishedAt)));
  return rows.map(({ providerId }) => providerId);
}

/** Writes the scope of instances that were known before scopes were. */
export async function updateScopeOfInstances(db: Db, ids: readonly bigint[], scopeId: bigint): Promise<void> {
  if (ids.length === 0) return;
  await db
    .update(instances)
    .set({ scopeId })
    .where(inArray(instances.id, [...ids]));
}

/**
 * Marks instances that their provider lists no more. A look that began before this listing does not bring them back.
 * @param lookedAt when the listing began @param seenAt when their scope was listed before; null where it never was
 */
export async function markVanished(
  db: Db,
  ids: readonly bigint[],
  lookedAt: string,
  seenAt: string | null,
): Promise<void> {
  if (ids.length === 0) return;
  await db
    .update(instances)
    .set({ vanishedAt: lookedAt, lastSeenAt: sql`greatest(${instances.lastSeenAt}, ${seenAt}::timestamptz)` })
    .where(inArray(instances.id, [...ids]));
}
