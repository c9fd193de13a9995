/** The statements of the classification: its lock, its mappings, the instances that it decides about, and which came from production. */
import { and, desc, eq, inArray, isNotNull, isNull, or, type SQL, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import type { Db } from "../../../db/client.js";
import { LOCKS } from "../../../db/locks.js";
import type { Classification } from "./classifier.js";
import { environmentMappings, instances, snapshots } from "./inventory.table.js";
import { productionCopies } from "./production-copies.table.js";

/**
 * Lets one transaction classify at a time, so that nobody reads facts, mappings and rules between another's read and write. The lock ends
 * with the transaction. Whoever takes it holds no lock of a row.
 */
export const lockClassification = async (db: Db) =>
  db.execute(sql`select pg_advisory_xact_lock(${LOCKS.classification})`);

/**
 * Whether a row of `instances` was restored from production, or a member that its cluster has or had: what replaces a member has its data.
 * Names are written out, because drizzle drops the table's where a statement selects from one.
 */
const isProductionCopy = sql<boolean>`(
  exists (
    select from ${productionCopies} c where c.provider = instances.provider and c.provider_id = instances.provider_id
  ) or exists (
    select from ${instances} member join ${productionCopies} c on c.provider = member.provider and c.provider_id = member.provider_id
    where member.cluster_identifier = instances.cluster_identifier and member.provider = instances.provider
      and member.cluster ->> 'arn' = instances.cluster ->> 'arn'
  ))`;

const ORIGIN = { restoredFromProduction: isProductionCopy };

const CLASSIFIED = {
  id: instances.id,
  provider: instances.provider,
  identifier: instances.identifier,
  accountId: instances.accountId,
  tags: instances.tags,
  cluster: instances.cluster,
  environment: instances.environment,
  classification: instances.classification,
  ...ORIGIN,
  vanishedAt: instances.vanishedAt,
};

/** The part of an instance that its classification needs. */
export type ClassifiedInstance = Pick<
  typeof instances.$inferSelect,
  Exclude<keyof typeof CLASSIFIED, keyof typeof ORIGIN>
> & {
  readonly restoredFromProduction: boolean;
};

const sibling = alias(instances, "sibling");

/** Names the instances that have a cluster with one of others. Those are found once, and not anew for each instance. */
const isSibling = (ofOthers: SQL | undefined): SQL =>
  sql`(${instances.provider}, ${instances.cluster} ->> 'arn') in (
    select ${sibling.provider}, ${sibling.cluster} ->> 'arn' from ${instances} as sibling
    where ${and(sql`${sibling.cluster} ->> 'arn' is not null`, ofOthers)})`;

/** @returns the instances that a condition names, with the members of their clusters: for those that are gone, also those that are gone */
const listWithSiblings = (
  db: Db,
  isMeant: (table: typeof instances) => SQL | undefined,
): Promise<ClassifiedInstance[]> =>
  db
    .select(CLASSIFIED)
    .from(instances)
    .where(
      or(
        isMeant(instances),
        and(isNull(instances.vanishedAt), isSibling(isMeant(sibling as never))),
        isSibling(and(isNotNull(sibling.vanishedAt), isMeant(sibling as never))),
      ),
    )
    .orderBy(instances.id);

/** @returns these instances, with their siblings */
export const listClassifiedByIds = (db: Db, ids: readonly bigint[]): Promise<ClassifiedInstance[]> =>
  listWithSiblings(db, (table) => inArray(table.id, [...ids]));

/** Whether its classification protects anything: it is listed, or there are snapshots of it. */
const isProtecting = (table: typeof instances) =>
  or(
    isNull(table.vanishedAt),
    sql`exists (select from ${snapshots} where ${snapshots.instanceId} = ${table.id} and ${snapshots.status} <> 'deleted')`,
  );

/** @returns all instances of an account, or of all accounts, with their siblings; also what is gone without a trace, because it may come back */
export const listClassifiedByAccount = (db: Db, accountId: string | null): Promise<ClassifiedInstance[]> =>
  listWithSiblings(db, (table) => (accountId === null ? sql`true` : eq(table.accountId, accountId)));

/** @returns the instances of a scope whose classification protects anything, with their siblings */
export const listClassified = (db: Db, scopeId: bigint): Promise<ClassifiedInstance[]> =>
  listWithSiblings(db, (table) => and(eq(table.scopeId, scopeId), isProtecting(table)));

/** Writes classifications. */
export async function updateClassifications(
  db: Db,
  changes: readonly { readonly before: { readonly id: bigint }; readonly after: Classification }[],
): Promise<void> {
  if (changes.length === 0) return;
  const rows = changes.map(({ before, after }) => ({ id: String(before.id), classification: after }));
  await db.execute(sql`
    update ${instances} set environment = (given.classification ->> 'environment')::environment, classification = given.classification
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as given (id bigint, classification jsonb)
    where ${instances.id} = given.id`);
}

export type StoredMapping = typeof environmentMappings.$inferSelect;

/** @returns the mappings that count: the newest of each instance and account */
export const listMappings = async (db: Db): Promise<StoredMapping[]> =>
  db
    .selectDistinctOn([environmentMappings.instanceId, environmentMappings.accountId])
    .from(environmentMappings)
    .orderBy(environmentMappings.instanceId, environmentMappings.accountId, desc(environmentMappings.id));

/** @returns the mapping of an account that counts */
export async function findAccountMapping(db: Db, accountId: string): Promise<StoredMapping | null> {
  const rows = await db
    .select()
    .from(environmentMappings)
    .where(eq(environmentMappings.accountId, accountId))
    .orderBy(desc(environmentMappings.id))
    .limit(1);
  return rows[0] ?? null;
}

export async function insertMapping(db: Db, mapping: typeof environmentMappings.$inferInsert): Promise<bigint> {
  const rows = await db.insert(environmentMappings).values(mapping).returning({ id: environmentMappings.id });
  return rows[0]!.id;
}
