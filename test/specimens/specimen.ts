/** What the tests know of a type, said once: every table of cases that names types derives from it. */
import { getTableName } from "drizzle-orm";
import type { Sql } from "postgres";
import { columnName } from "../../src/db/dialect.js";
import { singularOf, type TypeDeclaration } from "../../src/engine/declaration.js";
import type { TestApp } from "../support/app.js";

export type Role = "VIEWER" | "ANALYST" | "DBA" | "SECURITY" | "ADMIN";

/** Looks like what must never come back. */
export const SECRET = "hunter2Secret";

/**
 * Whose a row is; written out, so that a wrong declaration shows.
 * - a column alone names the organization: without a value the row is the platform's
 * - a column with `of` refers to a row of another type, and whoever owns that one owns this one too
 * - `user`: each user sees their own, and only some roles those of others
 * - `staff`: no organization sees it
 * - `everyone`: all see it
 */
export type Owner = { readonly column: string; readonly of?: Specimen } | "user" | "staff" | "everyone";

/** A relation to one, as a foreign key. */
export interface Reference {
  readonly to: Specimen;
  readonly column: string;
  /** What the other side calls the rows that refer to it, where it names them. */
  readonly inverse?: string;
  /** The reference of the other side whose other side that is, where it is not the other side itself. */
  readonly through?: string;
  /** The rows that the row with this id shares with others, beside those that refer to it, as an SQL condition. */
  readonly shared?: (id: string) => string;
}

/** Of a field that clients write, what its type does not say: the most characters, and values of the right type but the wrong form. */
export interface Form {
  readonly max?: number;
  readonly malformed?: readonly unknown[];
}

/** What happens, in a generated world, to the rows that are not the looking organization's. They follow one another. */
export const STEPS = [
  "other values",
  "as many rows again, with our own values",
  "the same rows, somebody else's",
  "none at all",
] as const;
export type Step = (typeof STEPS)[number];

export type Verb = "create" | "update" | "delete" | "createMany" | "updateMany" | "deleteMany" | "upsert";

/** How clients change the rows of a type. */
export interface Writes {
  readonly roles: readonly Role[];
  /** What the audit log calls a row. */
  readonly resource: string;
  /** A good creation, but for what `within` names. @param n another one for each number, where something must be unique */
  create(n: number): Record<string, unknown>;
  /** A good change. */
  readonly changes: Record<string, unknown>;
  /** What a creation and a change answer: a selection, and its values after the creation. Those of `changes` follow from it. */
  readonly selection: string;
  created(n: number): Record<string, unknown>;
  /** Fields that are written and neither answered nor recorded, with another value for a change. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** The field of a creation that says whose the row will be. */
  readonly within?: {
    readonly field: string;
    readonly to: Specimen;
    /** The key of a row that the first organization of the demo owns. */
    readonly own: string;
    /** Whether the items of one creation share it. */
    readonly shared?: true;
  };
  /** The key of a row that the first organization of the demo owns; 1 where nothing is said. */
  readonly known?: string;
  readonly forms: Readonly<Record<string, Form>>;
  /** The most items of one creation; 1000 where nothing is said. */
  readonly most?: number;
  /** Of a verb, what it selects and sends where that differs from one statement, and from a read more for many rows. */
  readonly statements?: Partial<Record<Verb, { readonly selection?: string; readonly sent?: readonly string[] }>>;
}

export interface Specimen {
  /** Its names and its table are taken from here, and nothing else. */
  readonly type: TypeDeclaration;
  /** The column whose newest value comes first. */
  readonly newestBy: string;
  readonly owner: Owner;
  readonly references: Readonly<Record<string, Reference>>;
  /** Who reads it. */
  readonly readers: readonly Role[];
  /** Which rows one of these sees at least, in SQL; what the organization owns, where nothing is said. @param user the id of the user */
  seenBy?(user: string): string;
  /** Whether the demo has rows of it. */
  readonly inDemo: boolean;
  /** Makes a row: of the first organization, where organizations own them. @returns its id */
  insert(app: TestApp): Promise<string>;
  /** In SQL: rows of the second organization and of staff, where the demo has none. */
  readonly elsewhere?: string;
  readonly writes?: Writes;
  /** How its lists are walked. */
  readonly paging: {
    /** Beside its own order: one with ties, one with absent values or a related row first, and one of five terms. */
    readonly orders: readonly [readonly string[], readonly string[], readonly string[]];
    /** In SQL: some 60 rows with ties, nulls and neighbouring microseconds, in place of the demo's where those can go. */
    readonly rows: string;
    /** The key of the row whose lists are walked, where it has any. */
    readonly parent?: string;
  };
  /** Rows that generated queries meet, beside the demo's; null for the fleet, which the generated worlds leave out. */
  readonly generated: {
    insert(sql: Sql): Promise<unknown>;
    /** In SQL: what becomes of the rows of others. Null where nothing can. */
    readonly steps: Readonly<Record<Step, string | null>>;
  } | null;
}

/** The column of its key. */
export const keyOf = ({ type }: Specimen): string => columnName(type.fields.id.column);

export const tableOf = ({ type }: Specimen): string => getTableName(type.table);

/** The root field of one row. */
export const oneOf = ({ type }: Specimen): string => singularOf(type);

/** The node id of a row, as test/engine/read/nodes.test.ts shows that Postern writes it. */
export const nodeIdOf = ({ type }: { readonly type: Pick<TypeDeclaration, "name"> }, id: string | number): string =>
  Buffer.from(`${type.name}:${id}`).toString("base64url");

/** A column as the source names it. */
export const camel = (column: string): string =>
  column.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());

let number = 0;
/** @returns another number each time */
export const next = (): number => ++number;

/** @param statement what follows `insert into`, of one row @returns its id */
export const inserted = async ({ sql }: TestApp, statement: string): Promise<string> =>
  String((await sql.unsafe(`insert into ${statement} returning id`))[0]?.id);
