/** One statement each: insert, update and delete of a row of a declared type, as far as an actor reaches. */
import { and, eq, type SQL, sql } from "drizzle-orm";
import type { PgColumn, PgTable } from "drizzle-orm/pg-core";
import type { Access } from "../auth/actor.js";
import { conflict, failedPrecondition, notFound } from "../errors.js";
import type { TypeDeclaration } from "../plan/declaration.js";
import { aliased, type Source, visible } from "../plan/visibility.js";
import type { Db } from "./client.js";
import { fromPostgres, hasDependents } from "./postgres-errors.js";

/** A table of a declared type that carries an optimistic version. */
type VersionedTable = PgTable & Record<"id" | "version" | "updatedAt", PgColumn>;

/** Values by column property; ids are decimal text. */
export type Values = Readonly<Record<string, unknown>>;

const word = (type: TypeDeclaration) => type.name.replaceAll(/(?!^)[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();

const tableOf = (type: TypeDeclaration) => type.table as VersionedTable;

function reached(type: TypeDeclaration, access: Access): SQL | undefined {
  let aliases = 0;
  const own: Source = { type, name: sql``, from: sql`${type.table}`, column: (column) => sql`${column}` };
  return visible(
    own,
    access,
    () => sql`${access.organizationId}`,
    (target) => aliased(target, `v${aliases++}`),
  );
}

/** @returns the version of the row, or null where there is none within reach */
export async function findVersion(db: Db, type: TypeDeclaration, access: Access, id: string): Promise<number | null> {
  const table = tableOf(type);
  const rows = await db
    .select({ version: table.version })
    .from(table as PgTable)
    .where(and(eq(table.id, BigInt(id)), reached(type, access)))
    .catch((error) => Promise.reject(fromPostgres(error)));
  return (rows[0]?.version as number | undefined) ?? null;
}

/** @returns how many of the rows exist for the actor */
export async function countReached(
  db: Db,
  type: TypeDeclaration,
  access: Access,
  ids: readonly string[],
): Promise<number> {
  const table = tableOf(type);
  const among = sql`${table.id} = any (array(select jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb)::bigint))`;
  const rows = await db
    .select({ count: sql<number>`count(*)::int` })
    .from(table as PgTable)
    .where(and(among, reached(type, access)))
    .catch((error) => Promise.reject(fromPostgres(error)));
  return rows[0]?.count ?? 0;
}

/**
 * @returns the ids, in the order of the rows
 * @throws CONFLICT for a duplicate, NOT_FOUND for a reference to no row
 */
export async function insertRows(db: Db, type: TypeDeclaration, rows: readonly Values[]): Promise<string[]> {
  const table = tableOf(type);
  const inserted = await db
    .insert(table as PgTable)
    .values(rows as never)
    .returning({ id: table.id })
    .catch((error) => Promise.reject(fromPostgres(error)));
  return inserted.map(({ id }) => String(id));
}

/** Says why a statement that names id and version met no row. */
async function missed(db: Db, type: TypeDeclaration, access: Access, id: string): Promise<never> {
  const version = await findVersion(db, type, access, id);
  if (version === null) throw notFound(word(type));
  throw conflict(`This ${word(type)} has changed: its version is ${version} now. Read it again.`);
}

/** @throws NOT_FOUND, CONFLICT for a stale version or a duplicate */
export async function updateRow(
  db: Db,
  type: TypeDeclaration,
  access: Access,
  id: string,
  version: number,
  changes: Values,
): Promise<void> {
  const table = tableOf(type);
  const updated = await db
    .update(table as PgTable)
    .set({ ...changes, version: sql`${table.version} + 1`, updatedAt: sql`now()` })
    .where(and(eq(table.id, BigInt(id)), eq(table.version, version), reached(type, access)))
    .returning({ id: table.id })
    .catch((error) => Promise.reject(fromPostgres(error)));
  if (updated.length === 0) await missed(db, type, access, id);
}

/** @throws NOT_FOUND, CONFLICT for a stale version, FAILED_PRECONDITION where other rows depend on this one */
export async function deleteRow(
  db: Db,
  type: TypeDeclaration,
  access: Access,
  id: string,
  version?: number | null,
): Promise<void> {
  const table = tableOf(type);
  const current = version === undefined || version === null ? undefined : eq(table.version, version);
  const deleted = await db
    .delete(table as PgTable)
    .where(and(eq(table.id, BigInt(id)), current, reached(type, access)))
    .returning({ id: table.id })
    .catch((error) => {
      if (!hasDependents(error)) throw fromPostgres(error);
      throw failedPrecondition("in use", `Other data depends on this ${word(type)}. Delete that first.`, error);
    });
  if (deleted.length === 0) await missed(db, type, access, id);
}
