/** Inserts, changes and deletes rows of a declared type that exist for the actor. One statement does each, with its audit record. */

import type { PgColumn } from "drizzle-orm/pg-core";
import type { AuditEntry } from "../../audit/entry.js";
import type { ActorAccess } from "../../auth/actor.js";
import type { CacheRegion } from "../../cache.js";
import type { Db } from "../../db/client.js";
import { columnName, columnProperty } from "../../db/dialect.js";
import { UsualTime } from "../../db/driver/usual-time.js";
import { isDependentsError, keyAtFault } from "../../db/postgres-errors.js";
import { type AppError, conflict, errorAtField, failedPrecondition, internal, notFound } from "../../errors.js";
import type { TypeDeclaration } from "../declaration.js";
import type { CompilationLimits, CompilationStatement } from "../read/compilation.js";
import { reachesEveryRow } from "../read/visibility.js";
import type { WritingReturn } from "../read/writing.js";
import { findVersion } from "./find-rows.js";
import type { IdempotencyKey } from "./idempotency.store.js";
import { referencesOf } from "./references.js";
import {
  changeMatchingStatement,
  changeStatement,
  findMatchingStatement,
  insertStatement,
  MAX_STATEMENT_ROWS,
  statementColumnsOf,
} from "./row-statements.js";

/** Values by column property; ids are decimal text. */
export type RowValues = Readonly<Record<string, unknown>>;

/** A kept statement, with how often it has run and its usual time. */
type RepeatedRowStatement = CompilationStatement & { runs: number; readonly usual: UsualTime };

/** The type whose rows change, the access of the actor, and the audit record. */
export interface RowChange {
  readonly type: TypeDeclaration;
  readonly access: ActorAccess;
  readonly limits: CompilationLimits;
  /** The kept statements, by what they answer of the row, verb, type, role and columns. */
  readonly statements: CacheRegion<RepeatedRowStatement>;
  readonly audit: AuditEntry;
  /** Builds the JSON of the only row that changes, where the client asks for it. */
  readonly returning?: WritingReturn | undefined;
}

/** The result of a change. */
export interface ChangedRows {
  readonly ids: readonly string[];
  /** The JSON of the only row, where the client asked for it and the statement could build it. */
  readonly json?: string | undefined;
}

const wordsOf = ({ name }: TypeDeclaration) => name.replaceAll(/(?!^)[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();

/** Runs a statement, and keeps it for the next time. */
function runKept(db: Db, change: RowChange, name: string, variables: RowValues, build: () => CompilationStatement) {
  const { statements, access, returning } = change;
  const key = `${returning?.id} ${name}`;
  let statement = statements.get(key);
  if (!statement) {
    statement = { ...build(), runs: 0, usual: new UsualTime() };
    statements.set(access.holder, key, statement, statement.weight + key.length);
  }
  return run(db, statement, change, variables, returning?.isDue(statement) ?? true);
}

const statementName = (verb: string, { type, access }: RowChange, columns: readonly PgColumn[] | null) =>
  `${verb} ${type.name} ${access.shape} ${columns?.map(({ name }) => name)}`;

/** A statement; a kept one has its usual time. */
type Runnable = CompilationStatement & { readonly usual?: UsualTime };

type Run = Pick<RowChange, "access">;
const run = (db: Db, { text, bind, usual }: Runnable, { access }: Run, variables: RowValues, prepare: boolean) =>
  db.change(text, bind({ variables, access, values: [] }), prepare, usual);

/** The expression of the changed row's JSON. */
function columnOf({ type, returning }: RowChange) {
  if (returning && returning.type !== type)
    throw internal(new Error(`a change of ${type.name} returns no ${returning.type.name}`));
  return returning?.template.columns[0];
}

/** @param column the column that the statement answered for that expression */
const jsonOf = ({ returning }: RowChange, column: string | null | undefined) =>
  returning && column != null ? returning.template.fill([column], 0) : undefined;

const listOf = (json: string | null | undefined): string[] => (json ? JSON.parse(json) : []);

/** @param unreached the index and the name of a value that refers to no row of the actor's, as JSON @throws NOT_FOUND where there is one */
function requireReached(type: TypeDeclaration, unreached: string | null | undefined, pathOf: RowPathOf): void {
  if (!unreached) return;
  const [index, name] = JSON.parse(unreached) as [number, string | null];
  const reference =
    name === null ? undefined : referencesOf(type).find(({ column }) => columnProperty(column) === name);
  throw notFound(reference?.to ?? wordsOf(type), undefined, name === null ? undefined : pathOf(index, name));
}

/** @returns the path of the value that is a duplicate or refers to no row: the second of two equal values, or the first that refers to none */
function argumentAtFault(error: unknown, rows: readonly RowValues[], columns: readonly PgColumn[], pathOf: RowPathOf) {
  const fault = keyAtFault(error);
  const column = columns.find((column) => fault && new RegExp(`\\b${columnName(column)}\\b`).test(fault.columns));
  if (!fault || !column) return undefined;
  const name = columnProperty(column);
  // An only row is at fault, even where the database has changed the letters of its value.
  const isAtFault = (row: RowValues) =>
    rows.length === 1 || String(row[name]).toLowerCase() === fault.value.toLowerCase();
  const [first, second] = rows.flatMap((row, index) => (isAtFault(row) ? [index] : []));
  const index = (isDependentsError(error) ? undefined : second) ?? first;
  return index === undefined ? undefined : pathOf(index, name);
}

/** Returns the path of a row's field in the input. */
export type RowPathOf = (index: number, name: string) => string;
/** The path of a field in an input for one row. */
export const rowPathByName: RowPathOf = (_index, name) => name;

/**
 * Inserts all rows or none. An actor of one organization cannot refer to a row outside of it: such a row looks as if it did not exist,
 * and is not even locked. Staff see every row, so for them the foreign key finds a reference to none.
 * @param key the idempotency key, where the call has one
 * @returns the ids in the order of the rows; undefined where the key is not new
 * @throws CONFLICT for a duplicate, NOT_FOUND for a reference to no row
 */
export async function insertRows(
  db: Db,
  change: RowChange,
  rows: readonly RowValues[],
  {
    pathOf,
    many,
    key,
  }: { readonly pathOf: RowPathOf; readonly many: boolean; readonly key?: IdempotencyKey | undefined },
): Promise<ChangedRows | undefined> {
  const { type, access, limits } = change;
  const owner = referencesOf(type).find(({ owner }) => owner);
  const ownerColumn = owner && !reachesEveryRow(type, access) ? [{ [columnProperty(owner.column)]: null }] : [];
  const columns = statementColumnsOf(type, [...rows, ...ownerColumn]);
  const keyed = key !== undefined;
  const build = () => insertStatement(type, columns, access, limits, { many, keyed, answer: columnOf(change) });
  const variables = {
    rows: JSON.stringify(rows),
    audit: JSON.stringify(change.audit),
    key: key && JSON.stringify(key),
  };
  const name = statementName(`insert ${many} ${keyed}`, change, columns);
  const [ids, unreached, column] = await runKept(db, change, name, variables, build).catch((error) => {
    throw withField(error, argumentAtFault(error, rows, columns, pathOf));
  });
  requireReached(type, unreached, pathOf);
  if (!ids) return undefined;
  return { ids: listOf(ids), json: jsonOf(change, column) };
}

const withField = (error: AppError, field: string | undefined) =>
  field === undefined ? error : errorAtField(error, field);

/** @throws AppError that tells the caller why a change of existing rows failed */
function rethrow(error: AppError, type: TypeDeclaration, changes: RowValues | null, pathOf: RowPathOf): never {
  const field = changes ? argumentAtFault(error, [changes], statementColumnsOf(type, [changes]), pathOf) : undefined;
  if (changes || !isDependentsError(error)) throw withField(error, field);
  throw failedPrecondition("in use", `Other data depends on this ${wordsOf(type)}. Delete that first.`, error);
}

/**
 * Changes the row with this id, or deletes it where `changes` is null.
 * @param version the version that the row must have, where the caller gives one
 * @throws NOT_FOUND, also for a reference to a row that does not exist for the actor; CONFLICT for a stale version or a duplicate; FAILED_PRECONDITION where other
 * rows depend on a deleted one
 */
export async function changeRow(
  db: Db,
  change: RowChange,
  { id, version }: { readonly id: string; readonly version?: number | null | undefined },
  changes: RowValues | null,
): Promise<ChangedRows> {
  const { type, access, limits } = change;
  const columns = changes && statementColumnsOf(type, [changes]);
  const build = () => changeStatement(type, columns, access, limits, columnOf(change));
  const variables = { id, version, changes: JSON.stringify(changes), audit: JSON.stringify(change.audit) };
  const name = statementName("change", change, columns);
  const [ids, unreached, column] = await runKept(db, change, name, variables, build).catch((error) =>
    rethrow(error, type, changes, rowPathByName),
  );
  if (ids) return { ids: listOf(ids), json: jsonOf(change, column) };
  const current = await findVersion(db, type, access, id);
  if (current === null) throw notFound(wordsOf(type));
  requireReached(type, unreached, rowPathByName);
  const message = `This ${wordsOf(type)} has changed: its version is ${current} now. Read it again.`;
  throw conflict(message, undefined, "version");
}

/** The rows to change, and how many the caller expects. */
interface MatchingRows {
  /** A coerced filter of the type. */
  readonly filter: unknown;
  /** At most MAX_STATEMENT_ROWS. */
  readonly expectedCount: number;
}

function requireCount({ expectedCount }: MatchingRows, answer: string | number | null | undefined): void {
  const count = Number(answer);
  if (count === expectedCount) return;
  const rows =
    count > MAX_STATEMENT_ROWS
      ? `More than ${MAX_STATEMENT_ROWS} rows match`
      : `${count} row${count === 1 ? " matches" : "s match"}`;
  const message = `${rows}, where ${expectedCount} were expected. Nothing has changed: look at the filter.`;
  throw conflict(message, undefined, "expectedCount");
}

/** @returns the ids of the rows that match, in order, one more than MAX_STATEMENT_ROWS at most @throws CONFLICT, and as the filter does */
export async function listMatchingRows(
  db: Db,
  { type, access, limits }: Pick<RowChange, "type" | "access" | "limits">,
  { filter, expectedCount }: Pick<MatchingRows, "filter"> & Partial<MatchingRows>,
): Promise<string[]> {
  const statement = findMatchingStatement(type, filter, access, limits);
  const [json] = await run(db, statement, { access }, { filter }, false).catch((error) =>
    rethrow(error, type, {}, rowPathByName),
  );
  const ids = listOf(json);
  if (expectedCount !== undefined) requireCount({ filter, expectedCount }, ids.length);
  return ids;
}

/**
 * Changes the rows that match, or deletes them where `changes` is null, if their number is the expected one.
 * @throws CONFLICT for another number, and as the filter does; NOT_FOUND for a reference to a row that does not exist for the actor;
 * FAILED_PRECONDITION where other rows depend on deleted ones
 */
export async function changeMatchingRows(
  db: Db,
  change: RowChange,
  matching: MatchingRows,
  changes: RowValues | null,
  pathOf: RowPathOf,
): Promise<ChangedRows> {
  const { type, access, limits } = change;
  const columns = changes && statementColumnsOf(type, [changes]);
  const statement = changeMatchingStatement(type, columns, matching.filter, access, limits);
  const variables = { ...matching, changes: JSON.stringify(changes), audit: JSON.stringify(change.audit) };
  const [ids, count, unreached] = await run(db, statement, change, variables, false).catch((error) =>
    rethrow(error, type, changes, pathOf),
  );
  requireCount(matching, count);
  requireReached(type, unreached, pathOf);
  return { ids: listOf(ids) };
}
