/** The statements of scopes, and of the findings that are about them. */
import { and, eq, getTableColumns, isNull, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import type { Provider, ProviderScope } from "../../../providers/provider.js";
import { findings } from "./inventory.table.js";
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

const isScope = ({ accountId, region }: ProviderScope, row: StoredScope) =>
  row.accountId === accountId && row.region === region;

/**
 * Writes the scopes that a provider has now, and marks those that it had before. Nothing is written where nothing has changed.
 * @returns the row of each of its scopes
 */
export async function upsertScopes(db: Db, provider: Provider): Promise<RefreshedScope[]> {
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
    await resolveScopeFinding(db, id);
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
  { id, accountId, region }: StoredScope,
  lookedAt: string,
  {
    listed,
    areSnapshotsListed,
    fault,
  }: { readonly listed: number | null; readonly areSnapshotsListed: boolean; readonly fault: ScopeFault | null },
): Promise<void> {
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
  const subject = region === null ? accountId : `${accountId} in ${region}`;
  await reopenScopeFinding(db, id);
  const finding = { kind: NOT_LISTED, severity: "WARNING", subject, detail: fault.message } as const;
  await db
    .insert(findings)
    .values({ scopeId: id, ...finding })
    .onConflictDoUpdate({
      target: [findings.scopeId, findings.kind],
      targetWhere: isNull(findings.resolvedAt),
      set: { detail: fault.message },
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
