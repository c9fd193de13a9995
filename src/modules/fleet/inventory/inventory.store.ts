/** The statements that find instances. */
import { and, eq, inArray, isNull, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import { MAX_CANDIDATES } from "../../../errors.js";
import { instances } from "./inventory.table.js";

/** A row of `instances`. */
export type StoredInstance = typeof instances.$inferSelect;

/** @returns the instance with this id, or null */
export async function findInstanceById(db: Db, id: bigint, lock = false): Promise<StoredInstance | null> {
  const query = db.select().from(instances).where(eq(instances.id, id));
  const rows = await (lock ? query.for("update") : query);
  return rows[0] ?? null;
}

/**
 * @returns the present instances with this ARN, or this identifier whatever its case, in order; where they are many, one more than an error
 * names
 */
export async function listNamedInstances(db: Db, name: string, lock = false): Promise<StoredInstance[]> {
  const query = db
    .select()
    .from(instances)
    .where(
      and(
        sql`(lower(${instances.identifier}) = lower(${name}) or ${instances.arn} = ${name})`,
        isNull(instances.vanishedAt),
      ),
    )
    .orderBy(instances.id)
    .limit(MAX_CANDIDATES + 1);
  return lock ? query.for("update") : query;
}

/** @returns the instances with these ids, in their order */
export const listInstancesByIds = async (db: Db, ids: readonly bigint[]): Promise<StoredInstance[]> =>
  db
    .select()
    .from(instances)
    .where(inArray(instances.id, [...ids]))
    .orderBy(instances.id);

/** @returns the instances of a provider, vanished ones too */
export const listStoredInstances = async (db: Db, provider: string): Promise<StoredInstance[]> =>
  db.select().from(instances).where(eq(instances.provider, provider));

/** @returns the id of an instance of a provider, or null */
export async function findInstanceId(db: Db, provider: string, providerId: string): Promise<bigint | null> {
  const rows = await db
    .select({ id: instances.id })
    .from(instances)
    .where(and(eq(instances.provider, provider), eq(instances.providerId, providerId)));
  return rows[0]?.id ?? null;
}
