/** Inserts, changes and deletes rows of a declared type as far as an actor reaches, with the audit record, in one statement each. */
import type { PgColumn } from "drizzle-orm/pg-core";
import type { AuditEntry } from "../../audit/entry.js";
import type { Access } from "../../auth/actor.js";
import type { Region } from "../../cache.js";
import type { Db } from "../../db/client.js";
import { columnName, propertyOf } from "../../db/dialect.js";
import { UsualTime } from "../../db/driver/usual-time.js";
import { hasDependents, keyAtFault } from "../../db/postgres-errors.js";
import { type AppError, atField, conflict, failedPrecondition, notFound } from "../../errors.js";
import type { TypeDeclaration } from "../declaration.js";
import type { PlanLimits, Statement } from "../read/compilation.js";
import type { Returning } from "../read/writing.js";
import { findVersion } from "./find-rows.js";
import { referencesOf } from "./references.js";
import {
  changeMatchingStatement,
  changeStatement,
  columnsOf,
  findMatchingStatement,
  insertStatement,
  MAX_ROWS,
} from "./row-statements.js";

export { MAX_ROWS };

/** Values by column property; ids are decimal text. */
export type RowValues = Readonly<Record<string, unknown>>;

/** A statement that comes again. */
export type Repeated = Statement & { runs: number; readonly usual: UsualTime };

/** Who changes rows of which type, and what the audit log shall say of it. */
export interface Change {
  readonly type: TypeDeclaration;
  readonly access: Access;
  readonly limits: PlanLimits;
  /** By what they answer of the row, verb, type, role and columns. */
  readonly statements: Region<Repeated>;
  readonly audit: AuditEntry;
  /** Builds the JSON of the only row that changes, where that is asked for. */
  readonly returning?: Returning | undefined;
}

/** What came of a change. */
export interface Changed {
  readonly ids: readonly string[];
  /** The JSON of the only row, where it was asked for and its statement could build it. */
  readonly json?: string | undefined;
}

/** An idempotency key as its user chose it, and what it stands for. */
export interface IdempotencyKey {
  readonly userId: string;
  readonly key: string;
  readonly action: string;
  readonly fingerprint: string;
}

const word = ({ name }: TypeDeclaration) => name.replaceAll(/(?!^)[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();

/** Runs a statement that comes again. */
function runKnown(db: Db, change: Change, key: string, variables: RowValues, build: () => Statement) {
  const { statements, access, returning } = change;
  const known = `${returning?.id} ${key}`;
  let statement = statements.get(known);
  if (!statement) {
    statement = { ...build(), runs: 0, usual: new UsualTime() };
    statements.set(access.holder, known, statement, statement.weight + known.length);
  }
  return run(db, statement, change, variables, returning?.isDue(statement) ?? true);
}

const keyOf = (verb: string, { type, access }: Change, columns: readonly PgColumn[] | null) =>
  `${verb} ${type.name} ${access.shape} ${columns?.map(({ name }) => name)}`;

/** A statement; one that comes again has its usual time. */
type Sent = Statement & { readonly usual?: UsualTime };

const run = (db: Db, { text, bind, usual }: Sent, { access }: Change, variables: RowValues, prepare: boolean) =>
  db.change(text, bind({ variables, access, values: [] }), prepare, usual);

/** What the statement selects of the changed row. */
const columnOf = ({ returning }: Change) => returning?.template.columns[0];

/** @param column what was selected of the changed row */
const jsonOf = ({ returning }: Change, column: string | null | undefined) =>
  returning && column != null ? returning.template.fill([column], 0) : undefined;

const listOf = (json: string | null | undefined): string[] => (json ? JSON.parse(json) : []);

/** @throws NOT_FOUND where a value leads to no row that exists for the actor @param found its place and its name, as JSON */
function requireReached(type: TypeDeclaration, found: string | null | undefined, pathOf: PathOf): void {
  if (!found) return;
  const [index, name] = JSON.parse(found) as [number, string | null];
  const reference = name === null ? undefined : referencesOf(type).find(({ column }) => propertyOf(column) === name);
  throw notFound(reference?.to ?? word(type), undefined, name === null ? undefined : pathOf(index, name));
}

/** @returns the argument that is a duplicate or refers to nothing: the first that is missing, of twins the second */
function argumentAtFault(error: unknown, rows: readonly RowValues[], columns: readonly PgColumn[], pathOf: PathOf) {
  const fault = keyAtFault(error);
  const column = columns.find((column) => fault && new RegExp(`\\b${columnName(column)}\\b`).test(fault.columns));
  if (!fault || !column) return undefined;
  const name = propertyOf(column);
  // A row alone is at fault, whatever the database makes of its letters.
  const isAtFault = (row: RowValues) =>
    rows.length === 1 || String(row[name]).toLowerCase() === fault.value.toLowerCase();
  const found = rows.flatMap((row, index) => (isAtFault(row) ? [index] : []));
  const index = (hasDependents(error) ? undefined : found[1]) ?? found[0];
  return index === undefined ? undefined : pathOf(index, name);
}

/** Where a field of a row stands in the input; that of an only row by its name alone. */
export type PathOf = (index: number, name: string) => string;
export const plain: PathOf = (_index, name) => name;

/**
 * Inserts all rows or none. An actor of one organization hangs nothing on a row outside it, which must look like one that does not
 * exist, and is not even locked. Staff reach every row, and for them the foreign key tells.
 * @param key its idempotency key, where the call has one
 * @returns the ids in the order of the rows; undefined where the key is not new
 * @throws CONFLICT for a duplicate, NOT_FOUND for a reference to no row
 */
export async function insertRows(
  db: Db,
  change: Change,
  rows: readonly RowValues[],
  { pathOf, many, key }: { readonly pathOf: PathOf; readonly many: boolean; readonly key?: IdempotencyKey | undefined },
): Promise<Changed | undefined> {
  const { type, access, limits } = change;
  const owner = referencesOf(type).find(({ owner }) => owner);
  const scoped = owner && access.organizationId !== null ? [{ [propertyOf(owner.column)]: null }] : [];
  const columns = columnsOf(type, [...rows, ...scoped]);
  const keyed = key !== undefined;
  const build = () => insertStatement(type, columns, access, limits, { many, keyed, answer: columnOf(change) });
  const variables = {
    rows: JSON.stringify(rows),
    audit: JSON.stringify(change.audit),
    key: key && JSON.stringify(key),
  };
  const name = keyOf(`insert ${many} ${keyed}`, change, columns);
  const [ids, unreached, column] = await runKnown(db, change, name, variables, build).catch((error) => {
    throw said(error, argumentAtFault(error, rows, columns, pathOf));
  });
  requireReached(type, unreached, pathOf);
  if (!ids) return undefined;
  return { ids: listOf(ids), json: jsonOf(change, column) };
}

const said = (error: AppError, field: string | undefined) => (field === undefined ? error : atField(error, field));

/** @throws what a change of existing rows that failed means to the caller */
function rethrow(error: AppError, type: TypeDeclaration, changes: RowValues | null, pathOf: PathOf): never {
  const field = changes ? argumentAtFault(error, [changes], columnsOf(type, [changes]), pathOf) : undefined;
  if (changes || !hasDependents(error)) throw said(error, field);
  throw failedPrecondition("in use", `Other data depends on this ${word(type)}. Delete that first.`, error);
}

/**
 * Changes the row with this id, or deletes it where `changes` is null.
 * @param version the version that it must have, where one is given
 * @throws NOT_FOUND, also for a reference out of reach; CONFLICT for a stale version or a duplicate; FAILED_PRECONDITION where other
 * rows depend on a deleted one
 */
export async function changeRow(
  db: Db,
  change: Change,
  { id, version }: { readonly id: string; readonly version?: number | null | undefined },
  changes: RowValues | null,
): Promise<Changed> {
  const { type, access, limits } = change;
  const columns = changes && columnsOf(type, [changes]);
  const build = () => changeStatement(type, columns, access, limits, columnOf(change));
  const variables = { id, version, changes: JSON.stringify(changes), audit: JSON.stringify(change.audit) };
  const name = keyOf("change", change, columns);
  const [ids, unreached, column] = await runKnown(db, change, name, variables, build).catch((error) =>
    rethrow(error, type, changes, plain),
  );
  if (ids) return { ids: listOf(ids), json: jsonOf(change, column) };
  const now = await findVersion(db, type, access, id);
  if (now === null) throw notFound(word(type));
  requireReached(type, unreached, plain);
  throw conflict(`This ${word(type)} has changed: its version is ${now} now. Read it again.`, undefined, "version");
}

/** Which rows, and how many the caller thinks they are. */
export interface Matching {
  /** A coerced filter of the type. */
  readonly filter: unknown;
  /** At most MAX_ROWS. */
  readonly expectedCount: number;
}

function requireCount({ expectedCount }: Matching, found: string | number | null | undefined): void {
  const count = Number(found);
  if (count === expectedCount) return;
  const rows =
    count > MAX_ROWS ? `More than ${MAX_ROWS} rows match` : `${count} row${count === 1 ? " matches" : "s match"}`;
  const message = `${rows}, where ${expectedCount} were expected. Nothing has changed: look at the filter.`;
  throw conflict(message, undefined, "expectedCount");
}

/** @returns the ids of the rows that match @throws CONFLICT where they are not as many as expected, and what the filter's fault is */
export async function findMatching(db: Db, change: Change, matching: Matching): Promise<string[]> {
  const { type, access, limits } = change;
  const statement = findMatchingStatement(type, matching.filter, access, limits);
  const [ids, count] = await run(db, statement, change, { filter: matching.filter }, false).catch((error) =>
    rethrow(error, type, {}, plain),
  );
  requireCount(matching, count);
  return listOf(ids);
}

/**
 * Changes the rows that match, or deletes them where `changes` is null, if they are as many as expected.
 * @throws CONFLICT where they are not, and what the filter's fault is; NOT_FOUND for a reference out of reach; FAILED_PRECONDITION
 * where other rows depend on deleted ones
 */
export async function changeMatching(
  db: Db,
  change: Change,
  matching: Matching,
  changes: RowValues | null,
  pathOf: PathOf,
): Promise<Changed> {
  const { type, access, limits } = change;
  const columns = changes && columnsOf(type, [changes]);
  const statement = changeMatchingStatement(type, columns, matching.filter, access, limits);
  const variables = { ...matching, changes: JSON.stringify(changes), audit: JSON.stringify(change.audit) };
  const [ids, count, unreached] = await run(db, statement, change, variables, false).catch((error) =>
    rethrow(error, type, changes, pathOf),
  );
  requireCount(matching, count);
  requireReached(type, unreached, pathOf);
  return { ids: listOf(ids) };
}
