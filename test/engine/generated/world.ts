/** All rows of the readable tables in memory, read with plain SQL, and how PostgreSQL compares their values. */
import { getTableName } from "drizzle-orm";
import type { ManyRelation, OneRelation, TypeDeclaration } from "../../../src/engine/declaration.js";
import { specimens } from "../../specimens/index.js";
import { ownerOf } from "../../specimens/ownership.js";
import { camel, type Specimen } from "../../specimens/specimen.js";
import type { TestApp } from "../../support/app.js";
import { declaredTypes } from "../../support/model.js";

/** JSON's null, where SQL's is null. */
export const JSON_NULL = Symbol("JSON null");

/** Values by the name of the column in camel case: keys and moments as the API writes them, the rest as JSON. */
export type Row = Readonly<Record<string, unknown>> & { readonly id: string };

/** How the values of a column compare, and with what. */
export interface Kind {
  /** PostgreSQL's name of the type. */
  readonly name: string;
  /** Where it is an enum: its labels in their order. */
  readonly labels: readonly string[] | undefined;
}

/** Rows by type, and what one asks of them. */
export class World {
  readonly #byId = new Map<TypeDeclaration, ReadonlyMap<unknown, Row>>();
  readonly #byReference = new Map<OneRelation, ReadonlyMap<unknown, readonly Row[]>>();

  constructor(
    /** The types of data: those of the fleet are no part of it. */
    readonly types: readonly TypeDeclaration[],
    private readonly table: (type: TypeDeclaration) => readonly Row[],
    /** The kind of a type's column. */
    readonly kind: (type: TypeDeclaration, column: string) => Kind,
  ) {}

  rows(type: TypeDeclaration): readonly Row[] {
    return this.table(type);
  }

  find(type: TypeDeclaration, id: unknown): Row | undefined {
    const index = this.#byId.get(type) ?? new Map(this.rows(type).map((row) => [row.id, row]));
    this.#byId.set(type, index);
    return index.get(id);
  }

  /** The row that a row refers to. */
  one(relation: OneRelation, row: Row): Row | undefined {
    return this.find(relation.to(), row[relation.column.name]);
  }

  /** The rows that refer to a row. */
  many({ to, by, through }: ManyRelation, row: Row): readonly Row[] {
    const back = oneOf(to(), by);
    if (through === undefined) return this.#referring(to(), back, row);
    const between = back.to();
    const leading = this.#referring(between, oneOf(between, through), row);
    return leading.flatMap((each) => this.#referring(to(), back, each));
  }

  #referring(type: TypeDeclaration, back: OneRelation, { id }: Row): readonly Row[] {
    const index = this.#byReference.get(back) ?? Map.groupBy(this.rows(type), (each) => each[back.column.name]);
    this.#byReference.set(back, index);
    return index.get(id) ?? [];
  }

  /** The same where only some rows exist. */
  where(keep: (type: TypeDeclaration, row: Row) => boolean): World {
    const kept = new Map(this.types.map((type) => [type, this.rows(type).filter((row) => keep(type, row))]));
    return new World(this.types, (type) => kept.get(type) ?? [], this.kind);
  }
}

function oneOf({ name, relations }: TypeDeclaration, by: string): OneRelation {
  const back = relations[by];
  if (back?.kind !== "one") throw new Error(`${name}.${by} is no relation to one`);
  return back;
}

const READ_AS: Readonly<Record<string, (column: string) => string>> = {
  int8: (column) => `${column}::text`,
  timestamptz: (column) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
  jsonb: (column) => `${column}::text`,
};

function parsed(value: unknown, kind: Kind): unknown {
  if (kind.name !== "jsonb" || value === null) return value;
  return JSON.parse(value as string) ?? JSON_NULL;
}

/** Reads everything once, but the fleet. */
export async function readWorld({ sql }: Pick<TestApp, "sql">): Promise<World> {
  const ofData = new Set(specimens.filter(({ generated }) => generated).map(({ type }) => type));
  const types = declaredTypes.filter((type) => ofData.has(type));
  const enums = new Map<string, string[]>();
  for (const { name, label } of await sql`
    select typname as name, enumlabel as label from pg_enum join pg_type t on t.oid = enumtypid order by enumsortorder`) {
    enums.set(name, [...(enums.get(name) ?? []), label]);
  }
  const rows = new Map<string, Row[]>();
  const kinds = new Map<string, Kind>();
  for (const type of types) {
    const table = getTableName(type.table);
    const columns = (
      await sql`select column_name as name, udt_name as type from information_schema.columns where table_name = ${table}`
    ).map(({ name, type }) => ({ name, kind: { name: type, labels: enums.get(type) } as Kind }));
    const list = columns.map(({ name, kind }) => `${READ_AS[kind.name]?.(`"${name}"`) ?? `"${name}"`} as "${name}"`);
    const found = await sql.unsafe(`select ${list.join(", ")} from ${table}`);
    if (found.length === 0) throw new Error(`${table} has no row: give it some in its specimen, or in the demo`);
    for (const { name, kind } of columns) kinds.set(`${type.name}.${camel(name)}`, kind);
    rows.set(
      type.name,
      found.map(
        (row) => Object.fromEntries(columns.map(({ name, kind }) => [camel(name), parsed(row[name], kind)])) as Row,
      ),
    );
  }
  const table = (type: TypeDeclaration) => rows.get(type.name) ?? [];
  return new World(types, table, (type, column) => {
    const kind = kinds.get(`${type.name}.${column}`);
    if (!kind) throw new Error(`${type.name} has no column ${column}`);
    return kind;
  });
}

/** @returns a database that holds the rows of one organization only */
export function ofOrganization(world: World, organizationId: string): World {
  const find = ({ type }: Specimen, id: unknown) => world.find(type, id);
  const byType = new Map(specimens.map((specimen) => [specimen.type, specimen]));
  return world.where((type, row) => ownerOf(byType.get(type)!, row, find) === organizationId);
}

/** @returns what is left for those who read only the audit of operations */
export const ofOperations = (world: World): World =>
  world.where((type, row) => type.name !== "AuditLog" || row.resourceType === "operation");

/** @returns microseconds since 1970 of a moment in RFC 3339 */
export function micros(moment: string): bigint {
  const fraction = /\.(\d+)/.exec(moment)?.[1] ?? "";
  return BigInt(Date.parse(moment.replace(/\.\d+/, ""))) * 1000n + BigInt(fraction.padEnd(6, "0"));
}

const sign = <T extends number | bigint | boolean>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0);

/** Two present values, as PostgreSQL compares them in the collation C. */
export function compare({ name, labels }: Kind, a: unknown, b: unknown): number {
  if (labels) return sign(labels.indexOf(a as string), labels.indexOf(b as string));
  if (name === "int8") return sign(BigInt(a as string), BigInt(b as string));
  if (name === "timestamptz") return sign(micros(a as string), micros(b as string));
  if (typeof a === "string") return Buffer.compare(Buffer.from(a), Buffer.from(b as string));
  return sign(a as number, b as number);
}
