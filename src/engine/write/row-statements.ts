/** The texts of statements that change rows of a declared type, each with the audit record of the change in the same statement. */
import { and, getTableColumns, getTableName, type SQL, sql } from "drizzle-orm";
import type { PgColumn, PgTable } from "drizzle-orm/pg-core";
import { auditLogs } from "../../audit/audit.table.js";
import type { Access } from "../../auth/actor.js";
import { nameOf, names, propertyOf, record } from "../../db/dialect.js";
import type { TypeDeclaration } from "../declaration.js";
import { type Compilation, type PlanLimits, type Statement, statementOf } from "../read/compilation.js";
import type { Source } from "../read/visibility.js";
import { matching, withoutQuery } from "../read/writing.js";
import { idempotencyKeys } from "./idempotency.table.js";
import { firstUnreached, reachesAll, unreached } from "./references.js";

/** A table of a declared type that carries an optimistic version. */
export type VersionedTable = PgTable & Record<"id" | "version" | "updatedAt", PgColumn>;
export const tableOf = (type: TypeDeclaration) => type.table as VersionedTable;

/** Rows that one call changes by a filter, at most. */
export const MAX_ROWS = 1000;

/** A parameter: what a run is given under this name. */
const given = (c: Compilation, name: string) => c.param((run) => run.variables[name] ?? null, name);
const json = (c: Compilation, name: string) => sql`${given(c, name)}::text::json`;

/** The rows of the statement's own table. */
export const ownSource = (type: TypeDeclaration): Source => ({
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
 * The record of what `changed` holds, where the condition holds. Of one row its id is the resource; of many they are the result.
 * The time that the statement takes so far counts.
 */
function audited(c: Compilation, many: boolean, condition: SQL): SQL {
  const { resourceId, result, durationSeconds, success } = auditLogs;
  const ids = sql`(select coalesce(json_agg(changed.id::text order by changed.id), '[]') from changed)`;
  const outcome = many
    ? sql`a."resourceId", jsonb_build_object('ids', ${ids})`
    : sql`(select changed.id::text from changed), a.result`;
  const seconds = sql`a."durationSeconds" + extract(epoch from clock_timestamp() - statement_timestamp())`;
  return sql`audited as (
    insert into ${auditLogs} (${names([...RECORDED, resourceId, result, durationSeconds, success])})
    select ${sql.join(
      RECORDED.map((column) => sql`a.${sql.identifier(propertyOf(column))}`),
      sql`, `,
    )}, ${outcome}, ${seconds}, true
    from json_to_record(${json(c, "audit")}) as a(${record([...RECORDED, resourceId, result, durationSeconds])})
    where ${condition})`;
}

const CHANGES = sql`exists (select from changed)`;
const ids = sql`(select json_agg(changed.id::text order by changed.id)::text from changed)`;

/** @param answer of the changed row @returns one more column */
const answered = (answer: SQL | undefined) => (answer ? sql`, ${answer}` : sql``);

/**
 * Inserts rows (`rows`: a JSON list), where all of them, and all that they refer to, would exist for the actor; else none, and the
 * first value that leads nowhere is answered. @param keyed with an idempotency key (`key`), which must be new: else nothing is inserted
 * @returns ids as JSON; the place and the name of that value, as JSON; the answer
 */
export function insertStatement(
  type: TypeDeclaration,
  columns: readonly PgColumn[],
  access: Access,
  limits: PlanLimits,
  { many, keyed, answer }: { readonly many: boolean; readonly keyed: boolean; readonly answer?: SQL | undefined },
): Statement {
  const c = withoutQuery(access, limits);
  const table = tableOf(type);
  const item = (column: PgColumn) => sql`items.${sql.identifier(propertyOf(column))}`;
  const places = sql.join([...columns.map((column) => sql.identifier(propertyOf(column))), sql`position`], sql`, `);
  const items = { from: () => sql`items`, position: sql`items.position`, value: item };
  const unreachedCte = unreached(c, type, columns, items, true);
  const all = reachesAll(unreachedCte);
  const { userId, key, action, fingerprint, ids: made } = idempotencyKeys;
  const claimed = sql`claimed as (
    insert into ${idempotencyKeys} (${names([userId, key, action, fingerprint, made])})
    select k."userId", k.key, k.action, k.fingerprint, (select json_agg(items.id::text order by items.position)::jsonb from items)
    from json_to_record(${json(c, "key")}) as k(${record([userId, key, action, fingerprint])}) where ${all ?? sql`true`}
    on conflict do nothing returning 1)`;
  const values = columns.map((column) =>
    column.default === undefined ? item(column) : sql`coalesce(${item(column)}, ${column.default})`,
  );
  const condition = and(all, keyed ? sql`exists (select from claimed)` : undefined) ?? sql`true`;
  // Ids are drawn first where they must be known before the rows, or follow their order; else the column draws its own.
  const drawn = keyed || many;
  const id = sql`nextval(pg_get_serial_sequence(${sql.raw(`'"${getTableName(table)}"'`)}, 'id')) as id, `;
  const columnNames = names(drawn ? [table.id, ...columns] : columns);
  return statementOf(sql`with items as materialized (
      select ${drawn ? id : sql``}i.*
      from rows from (json_to_recordset(${json(c, "rows")}) as (${record(columns)})) with ordinality as i(${places})
    ), ${unreachedCte ? sql`${unreachedCte}, ` : sql``}${keyed ? sql`${claimed}, ` : sql``}changed as (
      insert into ${table} (${columnNames})
      select ${sql.join(drawn ? [item(table.id), ...values] : values, sql`, `)} from items where ${condition} order by items.position
      returning ${answer ? sql`*` : table.id}
    ), ${audited(c, many, CHANGES)}
    select ${ids}, ${firstUnreached(unreachedCte)}${answered(answer)}`);
}

const changesAs = (c: Compilation, columns: readonly PgColumn[]) =>
  sql`json_to_record(${json(c, "changes")}) as given(${record(columns)})`;

/** What of the changes leads nowhere; undefined as above, and where they refer to nothing. */
function unreachedChanges(c: Compilation, type: TypeDeclaration, columns: readonly PgColumn[] | null) {
  if (columns === null) return undefined;
  const value = (column: PgColumn) => sql`given.${sql.identifier(propertyOf(column))}`;
  const given = { from: () => changesAs(c, columns), position: sql`1`, value };
  return unreached(c, type, columns, given, false);
}

/** `set`, for an update; null deletes. */
function changing(type: TypeDeclaration, columns: readonly PgColumn[] | null, c: Compilation, from?: SQL) {
  const table = tableOf(type);
  if (columns === null) return sql`delete from ${table}${from ? sql` using ${from}` : sql``}`;
  const { version, updatedAt } = table;
  const sets = columns.map((column) => sql`${nameOf(column)} = given.${sql.identifier(propertyOf(column))}`);
  const values = changesAs(c, columns);
  return sql`update ${table} set ${sql.join(sets, sql`, `)}, ${nameOf(version)} = ${version} + 1, ${nameOf(updatedAt)} = now()
    from ${from ? sql`${from}, ` : sql``}${values}`;
}

/**
 * Changes (or deletes, where `columns` is null) the row with this id, in this version where one is given.
 * @returns ids as JSON; the place and the name of a value that leads nowhere, as JSON; the answer
 */
export function changeStatement(
  type: TypeDeclaration,
  columns: readonly PgColumn[] | null,
  access: Access,
  limits: PlanLimits,
  answer?: SQL,
): Statement {
  const c = withoutQuery(access, limits);
  const table = tableOf(type);
  const current = sql`coalesce(${table.version} = ${given(c, "version")}::int, true)`;
  const unreachedCte = unreachedChanges(c, type, columns);
  const own = and(sql`${table.id} = ${given(c, "id")}::bigint`, current, c.visible(ownSource(type)));
  const where = and(own, reachesAll(unreachedCte));
  return statementOf(sql`with ${unreachedCte ? sql`${unreachedCte}, ` : sql``}changed as (
      ${changing(type, columns, c)} where ${where} returning ${answer ? sql`${table}.*` : table.id}
    ), ${audited(c, false, CHANGES)}
    select ${ids}, ${firstUnreached(unreachedCte)}${answered(answer)}`);
}

/** The rows that match a filter and exist for the actor, one more than may be changed at once; to be locked in the order of their keys. */
function matched(c: Compilation, type: TypeDeclaration, filter: unknown, locked: boolean): SQL {
  const source = c.source(type);
  const key = source.column(type.fields.id.column);
  return sql`matched as (
      select ${key} as id from ${source.from} where ${and(c.visible(source), matching(c, source, filter)) ?? sql`true`}
      order by ${key} limit ${sql.raw(`${MAX_ROWS + 1}`)} ${locked ? sql`for update of ${source.name}` : sql``}
    ), counted as (select count(*)::int as n from matched)`;
}

/** Looks for the rows that match. @returns ids as JSON, or null; the number of rows that match */
export function findMatchingStatement(
  type: TypeDeclaration,
  filter: unknown,
  access: Access,
  limits: PlanLimits,
): Statement {
  const c = withoutQuery(access, limits);
  return statementOf(sql`with ${matched(c, type, filter, false)}
    select (select json_agg(matched.id::text order by matched.id)::text from matched), (select n from counted)`);
}

/**
 * Changes (or deletes) the rows that match, if they are as many as expected.
 * @returns ids as JSON, or null; the number of rows that match; the place and the name of a value that leads nowhere, as JSON
 * @throws FORBIDDEN, BAD_USER_INPUT, LIMIT_EXCEEDED for what the filter asks
 */
export function changeMatchingStatement(
  type: TypeDeclaration,
  columns: readonly PgColumn[] | null,
  filter: unknown,
  access: Access,
  limits: PlanLimits,
): Statement {
  const c = withoutQuery(access, limits);
  const table = tableOf(type);
  const unreachedCte = unreachedChanges(c, type, columns);
  const expected = and(
    sql`(select n from counted) = ${given(c, "expectedCount")}::int`,
    reachesAll(unreachedCte),
  ) as SQL;
  return statementOf(sql`with ${matched(c, type, filter, true)}, ${unreachedCte ? sql`${unreachedCte}, ` : sql``}changed as (
      ${changing(type, columns, c, sql`matched`)} where ${table.id} = matched.id and ${expected} returning ${table.id}
    ), ${audited(c, true, expected)}
    select ${ids}, (select n from counted), ${firstUnreached(unreachedCte)}`);
}

/** @returns the columns of the values, in the order of the table */
export function columnsOf(type: TypeDeclaration, rows: readonly Readonly<Record<string, unknown>>[]): PgColumn[] {
  const present = new Set(rows.flatMap((row) => Object.keys(row)));
  return Object.entries(getTableColumns(type.table)).flatMap(([name, column]) => (present.has(name) ? [column] : []));
}
