/** Finds rows of a declared type that exist for an actor, for services that look at them before or after a change. */
import { and, eq, type SQL, sql } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import type { ActorAccess } from "../../auth/actor.js";
import type { Db } from "../../db/client.js";
import type { TypeDeclaration } from "../declaration.js";
import { aliasedVisibilitySource, visibilityCondition } from "../read/visibility.js";
import { rowStatementSource, statementTableOf } from "./row-statements.js";

function visibleTo(type: TypeDeclaration, access: ActorAccess): SQL | undefined {
  let aliases = 0;
  return visibilityCondition(
    rowStatementSource(type),
    access,
    (name) => sql`${access[name]}`,
    (target) => aliasedVisibilitySource(target, `v${aliases++}`),
  );
}

async function select<T>(
  db: Db,
  type: TypeDeclaration,
  access: ActorAccess,
  value: SQL<T>,
  condition: SQL,
): Promise<T[]> {
  const rows = await db
    .select({ value })
    .from(statementTableOf(type) as PgTable)
    .where(and(condition, visibleTo(type, access)));
  return rows.map(({ value }) => value as T);
}

/** @returns the version of the row, or null where no such row exists for the actor */
export async function findVersion(
  db: Db,
  type: TypeDeclaration,
  access: ActorAccess,
  id: string,
): Promise<number | null> {
  const table = statementTableOf(type);
  const [version] = await select(db, type, access, sql<number>`${table.version}`, eq(table.id, BigInt(id)));
  return version ?? null;
}

/** @returns the id of the row whose unique field has this value, in any case, or null where no such row exists for the actor */
export async function findByKey(
  db: Db,
  type: TypeDeclaration,
  access: ActorAccess,
  value: string,
): Promise<string | null> {
  const column = type.fields[type.uniqueKey ?? "id"]?.column;
  const [id] = await select(
    db,
    type,
    access,
    sql<string>`${statementTableOf(type).id}::text`,
    sql`lower(${column}) = lower(${value})`,
  );
  return id ?? null;
}

/** @returns how many of the rows exist for the actor */
export async function countReachedRows(
  db: Db,
  type: TypeDeclaration,
  access: ActorAccess,
  ids: readonly string[],
): Promise<number> {
  const among = sql`${statementTableOf(type).id} = any (array(select jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb)::bigint))`;
  const [count] = await select(db, type, access, sql<number>`count(*)::int`, among);
  return count ?? 0;
}
