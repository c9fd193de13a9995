/** The statements of discovery runs. Each change names the worker, so that one that was overtaken changes nothing. */
import { and, desc, eq, gt, inArray, isNull, lt, ne, notInArray, or, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import { instances } from "../inventory/inventory.table.js";
import { scopes } from "../inventory/scopes.table.js";
import { operations } from "../operations/operations.table.js";
import { discoveryRuns } from "./discovery.table.js";

type StoredDiscoveryRun = typeof discoveryRuns.$inferSelect;

/** A scope within a run, as clients read it. */
export interface DiscoveryRunScope {
  readonly accountId: string;
  readonly region: string | null;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly found: number;
  readonly new: number;
  readonly changed: number;
  readonly gone: number;
  readonly calls: number;
  readonly error: { readonly code: string; readonly message: string } | null;
}

const isOpen = isNull(discoveryRuns.endedAt);
const isAbandoned = or(isNull(discoveryRuns.leaseUntil), sql`${discoveryRuns.leaseUntil} < clock_timestamp()`);
const leaseFor = (milliseconds: number) => sql`clock_timestamp() + make_interval(secs => ${milliseconds / 1000})`;
const isWorkers = (id: bigint, worker: string) =>
  and(eq(discoveryRuns.id, id), eq(discoveryRuns.worker, worker), isOpen);

/** Begins a run, unless one is under way. @returns the id of the run, and whether it is a new one */
export async function insertDiscoveryRun(
  db: Db,
  provider: string,
  requestedBy: object,
): Promise<{ readonly id: bigint; readonly isNew: boolean }> {
  // The update changes nothing; it locks the run that is under way, so that it is still there, and returns it.
  const rows = await db
    .insert(discoveryRuns)
    .values({ provider, requestedBy })
    .onConflictDoUpdate({
      target: discoveryRuns.provider,
      targetWhere: isOpen,
      set: { provider: sql`excluded.provider` },
    })
    .returning({ id: discoveryRuns.id, isNew: sql<boolean>`xmax = 0` });
  return rows[0]!;
}

/** @returns the run of a provider that is under way, or else the newest that has ended within so many seconds; null where there is none */
export async function findRecentDiscoveryRun(db: Db, provider: string, withinSeconds: number): Promise<bigint | null> {
  const isRecent = gt(discoveryRuns.endedAt, sql`clock_timestamp() - make_interval(secs => ${withinSeconds})`);
  const rows = await db
    .select({ id: discoveryRuns.id })
    .from(discoveryRuns)
    .where(and(eq(discoveryRuns.provider, provider), or(isOpen, isRecent)))
    .orderBy(desc(discoveryRuns.startedAt), desc(discoveryRuns.id))
    .limit(1);
  return rows[0]?.id ?? null;
}

/** @returns the run of a provider that nobody does, which is this worker's from now on; null where there is none */
export async function claimDiscoveryRun(
  db: Db,
  provider: string,
  worker: string,
  leaseMs: number,
): Promise<StoredDiscoveryRun | null> {
  const rows = await db
    .update(discoveryRuns)
    .set({ worker, leaseUntil: leaseFor(leaseMs) })
    .where(and(eq(discoveryRuns.provider, provider), isOpen, isAbandoned))
    .returning();
  return rows[0] ?? null;
}

/** @returns the providers that have a run which nobody does */
export async function listAbandonedDiscoveries(db: Db, providers: readonly string[]): Promise<string[]> {
  const rows = await db
    .select({ provider: discoveryRuns.provider })
    .from(discoveryRuns)
    .where(and(inArray(discoveryRuns.provider, [...providers]), isOpen, isAbandoned));
  return rows.map(({ provider }) => provider);
}

/** Extends the lease, or ends it where `leaseMs` is 0. @returns whether the run is still this worker's */
export async function updateDiscoveryLease(db: Db, id: bigint, worker: string, leaseMs: number): Promise<boolean> {
  const rows = await db
    .update(discoveryRuns)
    .set({ leaseUntil: leaseMs > 0 ? leaseFor(leaseMs) : null })
    .where(isWorkers(id, worker))
    .returning({ id: discoveryRuns.id });
  return rows.length > 0;
}

/** Adds what was found in a scope. @returns whether the run is still this worker's */
export async function updateDiscoveryScopes(
  db: Db,
  id: bigint,
  worker: string,
  scope: DiscoveryRunScope,
): Promise<boolean> {
  const rows = await db
    .update(discoveryRuns)
    .set({
      scopes: sql`${discoveryRuns.scopes} || ${JSON.stringify([scope])}::text::jsonb`,
      found: sql`${discoveryRuns.found} + ${scope.found}`,
      new: sql`${discoveryRuns.new} + ${scope.new}`,
      changed: sql`${discoveryRuns.changed} + ${scope.changed}`,
      gone: sql`${discoveryRuns.gone} + ${scope.gone}`,
      calls: sql`${discoveryRuns.calls} + ${scope.calls}`,
      failedScopes: sql`${discoveryRuns.failedScopes} + ${scope.error ? 1 : 0}`,
    })
    .where(isWorkers(id, worker))
    .returning({ id: discoveryRuns.id });
  return rows.length > 0;
}

/** Ends the leases of a worker that stops. */
export async function releaseDiscoveryRuns(db: Db, worker: string): Promise<void> {
  await db
    .update(discoveryRuns)
    .set({ worker: null, leaseUntil: null })
    .where(and(eq(discoveryRuns.worker, worker), isOpen));
}

export async function endDiscoveryRun(db: Db, id: bigint, worker: string): Promise<void> {
  await db
    .update(discoveryRuns)
    .set({ endedAt: sql`clock_timestamp()`, worker: null, leaseUntil: null })
    .where(isWorkers(id, worker));
}

/** Deletes the runs that ended more than 30 days ago. */
export async function deleteOldDiscoveryRuns(db: Db): Promise<void> {
  await db.delete(discoveryRuns).where(lt(discoveryRuns.endedAt, sql`now() - interval '30 days'`));
}

/**
 * @param names the providers of this process @param quietHours how long no replica has begun a look
 * @returns the other providers that have scopes which are not REMOVED
 */
export async function listAbsentProviders(db: Db, names: readonly string[], quietHours: number): Promise<string[]> {
  const rows = await db
    .selectDistinct({ provider: scopes.provider })
    .from(scopes)
    .where(
      and(
        notInArray(scopes.provider, [...names]),
        ne(scopes.state, "REMOVED"),
        sql`not exists (
          select from ${discoveryRuns} where ${discoveryRuns.provider} = ${scopes.provider}
            and ${discoveryRuns.startedAt} > now() - make_interval(hours => ${quietHours}))`,
      ),
    );
  return rows.map(({ provider }) => provider);
}

/** Ends the run of a provider that nobody does any more. */
export async function endAbandonedDiscovery(db: Db, provider: string): Promise<void> {
  await db
    .update(discoveryRuns)
    .set({ endedAt: sql`clock_timestamp()`, worker: null, leaseUntil: null })
    .where(and(eq(discoveryRuns.provider, provider), isOpen, isAbandoned));
}

/** @returns the ids at the provider of the instances with operations that are under way, or have ended within 15 minutes */
export async function listOperatedInstances(db: Db, provider: string): Promise<string[]> {
  const recent = sql`now() - interval '15 minutes'`;
  const rows = await db
    .selectDistinct({ providerId: instances.providerId })
    .from(operations)
    .innerJoin(instances, eq(instances.id, operations.instanceId))
    .where(
      and(
        eq(instances.provider, provider),
        isNull(instances.vanishedAt),
        or(
          sql`${operations.status} in ('QUEUED', 'RUNNING')`,
          sql`${operations.endedAt} > ${recent}`,
          sql`${operations.settledAt} > ${recent}`,
        ),
      ),
    );
  return rows.map(({ providerId }) => providerId);
}
