/** The statements of scopes, and of the findings that are about them. */
import { and, eq, getTableColumns, isNull, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import type { Provider, ProviderScope, Tag } from "../../../providers/provider.js";
import { findings, instances } from "./inventory.table.js";
import { scopes } from "./scopes.table.js";

/** A row of `scopes`. */
export type StoredScope = typeof scopes.$inferSelect;

/** A scope of a provider, and its row. */
export interface RefreshedScope {
  readonly scope: ProviderScope;
  readonly row: StoredScope;
  /** How long ago its snapshots were listed; null where they never were. */
  readonly snapshotsAgeSeconds: number | null;
}

/** Why a scope was not listed, for people, without secrets. */
export interface ScopeFault {
  readonly code: string;
  readonly message: string;
}

const NOT_LISTED = "scope_not_listed";
const REMOVED = "scope_removed";
const REMOVED_DETAIL =
  "It is configured no more, so nobody looks at it. Its instances are shown as they were known, and no operation is accepted on them. " +
  "Where that is not meant, configure it again, such as in AWS_ACCOUNTS.";

const isScope = ({ accountId, region }: ProviderScope, row: StoredScope) =>
  row.accountId === accountId && row.region === region;

/** What distinguishes a scope for people. */
const subjectOf = ({ accountId, region }: Pick<StoredScope, "accountId" | "region">) =>
  region === null ? accountId : `${accountId} in ${region}`;

/**
 * Writes the scopes that a provider has now, and marks those that it had before, with their instances. Nothing is written where nothing
 * has changed. The caller holds the lock of the classification, because instances are written.
 * @param simulatedTag what simulated instances have @returns the row of each of its scopes
 */
export async function upsertScopes(
  db: Db,
  provider: Pick<Provider, "name" | "scopes">,
  simulatedTag: Tag,
): Promise<RefreshedScope[]> {
  const ofProvider = eq(scopes.provider, provider.name);
  const known = await db.select().from(scopes).where(ofProvider);
  const isAsKnown = (scope: ProviderScope) =>
    known.some((row) => isScope(scope, row) && row.state !== "REMOVED" && row.name === scope.name);
  const isRemoved = (row: StoredScope) =>
    row.state !== "REMOVED" && !provider.scopes.some((scope) => isScope(scope, row));
  if (!provider.scopes.every(isAsKnown) && provider.scopes.length > 0) {
    await db
      .insert(scopes)
      .values(provider.scopes.map((scope) => ({ provider: provider.name, ...scope })))
      .onConflictDoUpdate({
        target: [scopes.provider, scopes.accountId, scopes.region],
        set: {
          name: sql`excluded.name`,
          state: sql`case when ${scopes.state} = 'REMOVED' then 'PENDING' else ${scopes.state} end`,
        },
      });
  }
  for (const { id } of known.filter(isRemoved)) {
    await db.update(scopes).set({ state: "REMOVED", lastError: null, failingSince: null }).where(eq(scopes.id, id));
  }
  const marked = await markInstancesOfScopes(db, provider.name, simulatedTag);
  for (const row of known.filter((row) => isRemoved(row) || marked.has(row.id))) {
    await resolveScopeFinding(db, row.id);
    const isConfigured = provider.scopes.some((scope) => isScope(scope, row));
    if (!isConfigured && (await hasPresentInstances(db, row.id))) {
      await openScopeFinding(db, row, REMOVED, REMOVED_DETAIL);
    }
  }
  const snapshotsAgeSeconds = sql<number | null>`extract(epoch from now() - ${scopes.snapshotsListedAt})::float8`;
  const rows = await db
    .select({ ...getTableColumns(scopes), snapshotsAgeSeconds })
    .from(scopes)
    .where(ofProvider);
  return provider.scopes.map((scope) => {
    const { snapshotsAgeSeconds, ...row } = rows.find((row) => isScope(scope, row))!;
    return { scope, row, snapshotsAgeSeconds };
  });
}

/**
 * Tells the instances of a provider whether their scopes are REMOVED. They are not gone by that, because only a complete listing says so.
 * Simulated ones are, as nothing of them is anywhere. @returns the scopes whose instances have changed
 */
async function markInstancesOfScopes(db: Db, provider: string, simulatedTag: Tag): Promise<Set<bigint>> {
  const isGone = sql`${instances.vanishedAt} is null and ${scopes.state} = 'REMOVED' and ${instances.tags} @> ${JSON.stringify([simulatedTag])}::jsonb`;
  const rows = await db
    .update(instances)
    .set({
      scopeRemoved: sql`${scopes.state} = 'REMOVED'`,
      vanishedAt: sql`case when ${isGone} then now() else ${instances.vanishedAt} end`,
      lastSeenAt: sql`case when ${isGone} then greatest(${instances.lastSeenAt}, ${scopes.lastSuccessAt}) else ${instances.lastSeenAt} end`,
    })
    .from(scopes)
    .where(
      and(
        eq(scopes.id, instances.scopeId),
        eq(scopes.provider, provider),
        sql`${instances.scopeRemoved} <> (${scopes.state} = 'REMOVED')`,
      ),
    )
    .returning({ scopeId: scopes.id });
  return new Set(rows.map(({ scopeId }) => scopeId));
}

async function hasPresentInstances(db: Db, scopeId: bigint): Promise<boolean> {
  const isPresent = and(eq(instances.scopeId, scopeId), isNull(instances.vanishedAt));
  const rows = await db.select({ id: instances.id }).from(instances).where(isPresent).limit(1);
  return rows.length > 0;
}

/** @returns the id of the scope of an account and region, or null */
export async function findScopeId(
  db: Db,
  provider: string,
  { accountId, region }: { readonly accountId: string | null; readonly region: string | null },
): Promise<bigint | null> {
  const rows = await db
    .select({ id: scopes.id })
    .from(scopes)
    .where(
      and(
        eq(scopes.provider, provider),
        eq(scopes.accountId, accountId ?? ""),
        sql`${scopes.region} is not distinct from ${region}::text`,
      ),
    );
  return rows[0]?.id ?? null;
}

/**
 * Writes what a look at a scope has shown, and opens or resolves its finding.
 * @param listed how many instances were listed; null where they were not @param fault why they, or its snapshots, were not
 */
export async function updateScope(
  db: Db,
  row: StoredScope,
  lookedAt: string,
  {
    listed,
    areSnapshotsListed,
    fault,
  }: { readonly listed: number | null; readonly areSnapshotsListed: boolean; readonly fault: ScopeFault | null },
): Promise<void> {
  const { id } = row;
  await db
    .update(scopes)
    .set({
      state: fault ? "FAILING" : "LISTED",
      lastError: fault,
      failingSince: fault ? sql`coalesce(${scopes.failingSince}, now())` : null,
      ...(listed !== null && { lastSuccessAt: lookedAt, instanceCount: listed }),
      ...(areSnapshotsListed && { snapshotsListedAt: lookedAt }),
    })
    .where(eq(scopes.id, id));
  if (!fault) return resolveScopeFinding(db, id);
  await reopenScopeFinding(db, id);
  await openScopeFinding(db, row, NOT_LISTED, fault.message);
}

/** Opens a finding of a scope, or updates it. */
async function openScopeFinding(db: Db, row: StoredScope, kind: string, detail: string): Promise<void> {
  await db
    .insert(findings)
    .values({ scopeId: row.id, kind, severity: "WARNING", subject: subjectOf(row), detail })
    .onConflictDoUpdate({
      target: [findings.scopeId, findings.kind],
      targetWhere: isNull(findings.resolvedAt),
      set: { detail },
      setWhere: sql`${findings.detail} <> excluded.detail`,
    });
}

/** Opens a finding again that was resolved within the hour, so that a scope that fails now and then has one for it. */
async function reopenScopeFinding(db: Db, scopeId: bigint): Promise<void> {
  const newest = sql`(select max(f.id) from ${findings} f where f.scope_id = ${scopeId} and f.kind = ${NOT_LISTED})`;
  await db
    .update(findings)
    .set({ resolvedAt: null })
    .where(and(eq(findings.id, newest), sql`${findings.resolvedAt} > now() - interval '1 hour'`));
}

async function resolveScopeFinding(db: Db, scopeId: bigint): Promise<void> {
  await db
    .update(findings)
    .set({ resolvedAt: sql`now()` })
    .where(and(eq(findings.scopeId, scopeId), isNull(findings.resolvedAt)));
}
