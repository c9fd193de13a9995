/** The statements of what is restored from production: which restores may still make an instance of it, and which instances they have made. */
import { type SQL, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import type { AskedRestore } from "../../../providers/provider.js";
import { productionCopies } from "./production-copies.table.js";

/** A restore of production that may still make an instance, in the scope of its source. */
export interface ProductionRestore extends AskedRestore {
  readonly accountId: string | null;
  readonly region: string | null;
}

/** Whether the operation `o` restores production: its source counts as that now, or did when the snapshot was seen first. */
const IS_OF_PRODUCTION = sql`(source.environment = 'PRODUCTION' or exists (
  select from snapshots s where s.instance_id = o.instance_id and lower(s.identifier) = lower(o.parameters ->> 'snapshotId')
    and s.uid = coalesce(o.parameters ->> 'snapshotUid', s.uid) and s.environment = 'PRODUCTION'))`;

const ofOperations = (condition: SQL): SQL =>
  sql`from operations o join instances source on source.id = o.instance_id where ${condition}`;

/** @returns whether an operation, which is a restore, is one of production */
export async function isRestoreOfProduction(db: Db, operationId: bigint): Promise<boolean> {
  const rows = await db.execute(sql`select ${ofOperations(sql`o.id = ${operationId} and ${IS_OF_PRODUCTION}`)}`);
  return rows.length > 0;
}

/**
 * @returns the restores of production that a provider was asked for and whose true end is not known, and those that have failed and may
 * have made an instance all the same
 */
export async function listProductionRestores(db: Db, provider: string): Promise<ProductionRestore[]> {
  const isOpen = sql`o.status = 'RUNNING' or (o.status = 'TIMED_OUT' and o.settled_at is null)`;
  const rows = await db.execute(sql`
    select o.id::text as "operationId", o.parameters ->> 'identifier' as identifier,
      source.account_id as "accountId", source.region
    ${ofOperations(sql`o.parameters ? 'identifier' and (${isOpen} or o.may_have_restored) and o.intent is not null
      and source.provider = ${provider} and (o.may_have_restored or ${IS_OF_PRODUCTION})`)}`);
  return rows as unknown as ProductionRestore[];
}

/** Notes that instances were restored from production. @returns the ids at the provider of those for which it was not noted before */
export async function insertProductionCopies(
  db: Db,
  provider: string,
  providerIds: readonly string[],
): Promise<string[]> {
  const rows = await db
    .insert(productionCopies)
    .values(providerIds.map((providerId) => ({ provider, providerId })))
    .onConflictDoNothing()
    .returning({ providerId: productionCopies.providerId });
  return rows.map(({ providerId }) => providerId);
}

/** Notes that what these restores have made was seen, in case they have failed. */
export const updateSeenRestores = async (db: Db, operationIds: readonly string[]) =>
  db.execute(sql`
    update operations set may_have_restored = false
    where may_have_restored and id in (${sql.join(
      operationIds.map((id) => sql`${id}::bigint`),
      sql`, `,
    )})`);
