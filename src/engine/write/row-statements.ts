/** Builds the statements that change rows of a declared type. Each also inserts the audit record of the change. */
import { and, getTableColumns, getTableName, type SQL, sql } from "drizzle-orm";
import type { PgColumn, PgTable } from "drizzle-orm/pg-core";
import { auditLogs } from "../../audit/audit.table.js";
import type { ActorAccess } from "../../auth/actor.js";
import { columnIdentifier, columnIdentifiers, columnProperty, recordsetColumns } from "../../db/dialect.js";
import type { TypeDeclaration } from "../declaration.js";
import {
  type Compilation,
  type CompilationLimits,
  type CompilationStatement,
  compilationStatementOf,
} from "../read/compilation.js";
import type { VisibilitySource } from "../read/visibility.js";
import { compilationForWriting, matchingForWriting } from "../read/writing.js";
import { idempotencyKeys } from "./idempotency.table.js";
import { firstUnreachedReference, reachesAllReferences, unreachedReferences } from "./references.js";

/** A table whose rows have a version, which counts their changes. */
type VersionedTable = PgTable & Record<"id" | "version" | "updatedAt", PgColumn>;
export const statementTableOf = (type: TypeDeclaration) => type.table as VersionedTable;

/** The most rows that one call changes by a filter. */
export const MAX_STATEMENT_ROWS = 1000;

/** A parameter with the variable of this name. */
const parameter = (c: Compilation, name: string) => c.param((run) => run.variables[name] ?? null, name);
const jsonParameter = (c: Compilation, name: string) => sql`${parameter(c, name)}::text::json`;

/** The statement's own table, without an alias. */
export const rowStatementSource = (type: TypeDeclaration): VisibilitySource => ({
  type,
  name: sql``,
  from: sql`${type.table}`,
  column: (column) => sql`${column}`,
});

const RECORDED = [
  auditLogs.userId,
  auditLogs.actor,
  auditLogs.action,
  auditLogs.resourceType,
  auditLogs.parameters,
  auditLogs.requestId,
];

/**
 * Builds the CTE that inserts the audit record of the rows in `changed`, where the condition holds. The id of one row is the record's
 * resource; the ids of many rows are its result. The recorded duration includes the time of this statement so far.
 */
function auditCte(c: Compilation, many: boolean, condition: SQL): SQL {
  const { resourceId, result, durationSeconds, success } = auditLogs;
  const ids = sql`(select coalesce(json_agg(changed.id::text order by changed.id), '[]') from changed)`;
  const outcome = many
    ? sql`a."resourceId", jsonb_build_object('ids', ${ids})`
    : sql`(select changed.id::text from changed), a.result`;
  const seconds = sql`a."durationSeconds" + extract(epoch from clock_timestamp() - statement_timestamp())`;
  return sql`audited as (
    insert into ${auditLogs} (${columnIdentifiers([...RECORDED, resourceId, result, durationSeconds, success])})
    select ${sql.join(
      RECORDED.map((column) => sql`a.${sql.identifier(columnProperty(column))}`),
      sql`, `,
    )}, ${outcome}, ${seconds}, true
    from json_to_record(${jsonParameter(c, "audit")}) as a(${recordsetColumns([...RECORDED, resourceId, result, durationSeconds])})
    where ${condition})`;
}

const HAS_CHANGED = sql`exists (select from changed)`;
const CHANGED_IDS = sql`(select json_agg(changed.id::text order by changed.id)::text from changed)`;

/** @param answer the expression of the changed row's JSON @returns one more column, or nothing */
const answerColumn = (answer: SQL | undefined) => (answer ? sql`, ${answer}` : sql``);

/**
 * Inserts the rows of the JSON list `rows`, or none: all of them, and all that they refer to, must exist for the actor.
 * @param keyed whether the call has an idempotency key (`key`), which must be new
 * @returns a statement that answers the ids as JSON, the index and the name of the first unreached value as JSON, and the answer
 */
export function insertStatement(
  type: TypeDeclaration,
  columns: readonly PgColumn[],
  access: ActorAccess,
  limits: CompilationLimits,
  { many, keyed, answer }: { readonly many: boolean; readonly keyed: boolean; readonly answer?: SQL | undefined },
): CompilationStatement {
  const c = compilationForWriting(access, limits);
  const table = statementTableOf(type);
  const item = (column: PgColumn) => sql`items.${sql.identifier(columnProperty(column))}`;
  const itemColumns = sql.join(
    [...columns.map((column) => sql.identifier(columnProperty(column))), sql`position`],
    sql`, `,
  );
  const items = { from: () => sql`items`, position: sql`items.position`, value: item };
  const unreachedCte = unreachedReferences(c, type, columns, items, true);
  const allReached = reachesAllReferences(unreachedCte);
  const { userId, key, action, fingerprint, ids } = idempotencyKeys;
  const claimed = sql`claimed as (
    insert into ${idempotencyKeys} (${columnIdentifiers([userId, key, action, fingerprint, ids])})
    select k."userId", k.key, k.action, k.fingerprint, (select json_agg(items.id::text order by items.position)::jsonb from items)
    from json_to_record(${jsonParameter(c, "key")}) as k(${recordsetColumns([userId, key, action, fingerprint])}) where ${allReached ?? sql`true`}
    on conflict do nothing returning 1)`;
  const values = columns.map((column) =>
    column.default === undefined ? item(column) : sql`coalesce(${item(column)}, ${column.default})`,
  );
  const condition = and(allReached, keyed ? sql`exists (select from claimed)` : undefined) ?? sql`true`;
  // Ids are drawn before the rows where the key must hold them, or where they must follow the order of the rows.
  const drawn = keyed || many;
  const id = sql`nextval(pg_get_serial_sequence(${sql.raw(`'"${getTableName(table)}"'`)}, 'id')) as id, `;
  const columnNames = columnIdentifiers(drawn ? [table.id, ...columns] : columns);
  return compilationStatementOf(sql`with items as materialized (
      select ${drawn ? id : sql``}i.*
      from rows from (json_to_recordset(${jsonParameter(c, "rows")}) as (${recordsetColumns(columns)})) with ordinality as i(${itemColumns})
    ), ${unreachedCte ? sql`${unreachedCte}, ` : sql``}${keyed ? sql`${claimed}, ` : sql``}changed as (
      insert into ${table} (${columnNames})
      select ${sql.join(drawn ? [item(table.id), ...values] : values, sql`, `)} from items where ${condition} order by items.position
      returning ${answer ? sql`*` : table.id}
    ), ${auditCte(c, many, HAS_CHANGED)}
    select ${CHANGED_IDS}, ${firstUnreachedReference(unreachedCte)}${answerColumn(answer)}`);
}

/** The new values of an update as the table `given`. */
const changesTable = (c: Compilation, columns: readonly PgColumn[]) =>
  sql`json_to_record(${jsonParameter(c, "changes")}) as given(${recordsetColumns(columns)})`;

/** Builds `unreached` for the values of an update; undefined as there, and where no value refers to a row. */
function unreachedChanges(c: Compilation, type: TypeDeclaration, columns: readonly PgColumn[] | null) {
  if (columns === null) return undefined;
  const value = (column: PgColumn) => sql`given.${sql.identifier(columnProperty(column))}`;
  const changes = { from: () => changesTable(c, columns), position: sql`1`, value };
  return unreachedReferences(c, type, columns, changes, false);
}

/** Builds the begin of an UPDATE of the columns, or of a DELETE where `columns` is null, up to its WHERE. */
function changeClause(type: TypeDeclaration, columns: readonly PgColumn[] | null, c: Compilation, from?: SQL) {
  const table = statementTableOf(type);
  if (columns === null) return sql`delete from ${table}${from ? sql` using ${from}` : sql``}`;
  const { version, updatedAt } = table;
  const sets = columns.map(
    (column) => sql`${columnIdentifier(column)} = given.${sql.identifier(columnProperty(column))}`,
  );
  const values = changesTable(c, columns);
  return sql`update ${table} set ${sql.join(sets, sql`, `)}, ${columnIdentifier(version)} = ${version} + 1, ${columnIdentifier(updatedAt)} = now()
    from ${from ? sql`${from}, ` : sql``}${values}`;
}

/**
 * Changes the row with the parameter `id`, or deletes it where `columns` is null. Where `version` is not null, it must be the row's.
 * @returns a statement that answers the ids as JSON, the index and the name of an unreached value as JSON, and the answer
 */
export function changeStatement(
  type: TypeDeclaration,
  columns: readonly PgColumn[] | null,
  access: ActorAccess,
  limits: CompilationLimits,
  answer?: SQL,
): CompilationStatement {
  const c = compilationForWriting(access, limits);
  const table = statementTableOf(type);
  const isCurrent = sql`coalesce(${table.version} = ${parameter(c, "version")}::int, true)`;
  const unreachedCte = unreachedChanges(c, type, columns);
  const isRow = and(sql`${table.id} = ${parameter(c, "id")}::bigint`, isCurrent, c.visible(rowStatementSource(type)));
  const where = and(isRow, reachesAllReferences(unreachedCte));
  return compilationStatementOf(sql`with ${unreachedCte ? sql`${unreachedCte}, ` : sql``}changed as (
      ${changeClause(type, columns, c)} where ${where} returning ${answer ? sql`${table}.*` : table.id}
    ), ${auditCte(c, false, HAS_CHANGED)}
    select ${CHANGED_IDS}, ${firstUnreachedReference(unreachedCte)}${answerColumn(answer)}`);
}

/**
 * Builds the CTEs `matched` and `counted`: the rows that match a filter and exist for the actor, at most one more than one call may
 * change, and their number. Locks are taken in the order of the keys, so that two calls do not wait for each other.
 */
function matchedCtes(c: Compilation, type: TypeDeclaration, filter: unknown, locked: boolean): SQL {
  const source = c.source(type);
  const key = source.column(type.fields.id.column);
  return sql`matched as (
      select ${key} as id from ${source.from} where ${and(c.visible(source), matchingForWriting(c, source, filter)) ?? sql`true`}
      order by ${key} limit ${sql.raw(`${MAX_STATEMENT_ROWS + 1}`)} ${locked ? sql`for update of ${source.name}` : sql``}
    ), counted as (select count(*)::int as n from matched)`;
}

/** @returns a statement that answers the ids of the rows that match, as JSON or null */
export function findMatchingStatement(
  type: TypeDeclaration,
  filter: unknown,
  access: ActorAccess,
  limits: CompilationLimits,
): CompilationStatement {
  const c = compilationForWriting(access, limits);
  return compilationStatementOf(sql`with ${matchedCtes(c, type, filter, false)}
    select json_agg(matched.id::text order by matched.id)::text from matched`);
}

/**
 * Changes the rows that match, or deletes them where `columns` is null, if their number is `expectedCount`.
 * @returns a statement that answers the ids as JSON or null, the number of rows that match, and the index and the name of an unreached
 * value as JSON
 * @throws FORBIDDEN, BAD_USER_INPUT, LIMIT_EXCEEDED for the filter
 */
export function changeMatchingStatement(
  type: TypeDeclaration,
  columns: readonly PgColumn[] | null,
  filter: unknown,
  access: ActorAccess,
  limits: CompilationLimits,
): CompilationStatement {
  const c = compilationForWriting(access, limits);
  const table = statementTableOf(type);
  const unreachedCte = unreachedChanges(c, type, columns);
  const expected = and(
    sql`(select n from counted) = ${parameter(c, "expectedCount")}::int`,
    reachesAllReferences(unreachedCte),
  ) as SQL;
  return compilationStatementOf(sql`with ${matchedCtes(c, type, filter, true)}, ${unreachedCte ? sql`${unreachedCte}, ` : sql``}changed as (
      ${changeClause(type, columns, c, sql`matched`)} where ${table.id} = matched.id and ${expected} returning ${table.id}
    ), ${auditCte(c, true, expected)}
    select ${CHANGED_IDS}, (select n from counted), ${firstUnreachedReference(unreachedCte)}`);
}

/** @returns the columns for which any row has a value, in the order of the table */
export function statementColumnsOf(
  type: TypeDeclaration,
  rows: readonly Readonly<Record<string, unknown>>[],
): PgColumn[] {
  const present = new Set(rows.flatMap((row) => Object.keys(row)));
  return Object.entries(getTableColumns(type.table)).flatMap(([name, column]) => (present.has(name) ? [column] : []));
}
