/** How a readable type is declared: once, over its table. Object type, connection, filter, order, joins and row scope derive from it. */
import { getTableColumns } from "drizzle-orm";
import type { PgColumn, PgTable } from "drizzle-orm/pg-core";
import type { Permission } from "../auth/permissions.js";

/** `id` is a bigint key as decimal text, `opaqueId` an identifier that is only compared. */
export type FieldKind = "id" | "opaqueId" | "string" | "int" | "float" | "boolean" | "dateTime" | "json" | "enum";

export interface FieldDeclaration {
  readonly column: PgColumn;
  readonly kind: FieldKind;
  readonly description: string;
  /** The registered enum, where `kind` is `enum`. */
  readonly enumeration?: object;
  /** Any of these permissions reads the field; without, whoever reads the type does. */
  readonly read?: readonly Permission[];
}

/** The row that a column of this table refers to. */
export interface OneRelation {
  readonly kind: "one";
  readonly to: () => TypeDeclaration;
  readonly column: PgColumn;
  readonly description: string;
}

/** The rows whose relation `by` refers to this row. */
export interface ManyRelation {
  readonly kind: "many";
  readonly to: () => TypeDeclaration;
  readonly by: string;
  readonly description: string;
}

/**
 * Which rows exist for an actor of one organization; staff reach every row.
 * - `organization`: rows whose column names that organization
 * - `through`: rows whose relation leads to a visible row
 * - `staff`: none
 */
export type Scope =
  | { readonly kind: "organization"; readonly column: PgColumn }
  | { readonly kind: "through"; readonly relation: string }
  | { readonly kind: "staff" };

/** Actors without `unless` see only the rows whose column equals the value, a constant of the code. */
export interface Narrowing {
  readonly unless: Permission;
  readonly column: PgColumn;
  readonly equals: string;
}

export interface TypeDeclaration {
  /** GraphQL name. */
  readonly name: string;
  readonly description: string;
  readonly table: PgTable;
  /** Any of these permissions reads the type. */
  readonly read: readonly Permission[];
  readonly scope: Scope;
  readonly narrowing?: Narrowing;
  /** The field whose newest value comes first unless a query orders otherwise; ties fall to `id`. */
  readonly newestBy: string;
  readonly fields: Readonly<Record<string, FieldDeclaration>> & { readonly id: FieldDeclaration };
  readonly relations: Readonly<Record<string, OneRelation | ManyRelation>>;
}

/** Checks what the compiler cannot: that names and scopes of the declaration lead somewhere. */
export function declareType(declaration: TypeDeclaration): TypeDeclaration {
  const { name, newestBy, fields, relations, scope } = declaration;
  if (!fields[newestBy]) throw new Error(`${name}: newestBy names no field`);
  if (scope.kind === "through" && relations[scope.relation]?.kind !== "one") {
    throw new Error(`${name}: the scope leads through no relation to one`);
  }
  return declaration;
}

const KIND_OF_TYPE: Readonly<Record<string, FieldKind>> = {
  PgBigInt64: "id",
  PgVarchar: "string",
  PgText: "string",
  PgInteger: "int",
  PgDoublePrecision: "float",
  PgBoolean: "boolean",
  PgTimestampString: "dateTime",
  PgJsonb: "json",
  PgEnumColumn: "enum",
};

/**
 * A field over a column; its GraphQL type follows from the column's, its nullability from NOT NULL.
 * @param options `enumeration`: the registered enum; `kind`: where the column's type says too little
 */
export function field(
  column: PgColumn,
  description: string,
  options: Partial<Pick<FieldDeclaration, "enumeration" | "read" | "kind">> = {},
): FieldDeclaration {
  const kind = options.kind ?? (options.enumeration ? "enum" : KIND_OF_TYPE[column.columnType]);
  if (!kind) throw new Error(`no GraphQL type for ${column.columnType}`);
  if (kind === "enum" && !options.enumeration) throw new Error(`${column.name}: which enum?`);
  return { ...options, column, kind, description };
}

export const one = (to: () => TypeDeclaration, column: PgColumn, description: string): OneRelation => ({
  kind: "one",
  to,
  column,
  description,
});

export const many = (to: () => TypeDeclaration, by: string, description: string): ManyRelation => ({
  kind: "many",
  to,
  by,
  description,
});

/** @returns the relation to one that a relation to many is the other side of */
export function inverseOf(relation: ManyRelation): OneRelation {
  const inverse = relation.to().relations[relation.by];
  if (inverse?.kind !== "one") throw new Error(`${relation.to().name}.${relation.by} is no relation to one`);
  return inverse;
}

/** @returns the name of a column among the properties of its table, which is how aliases of the table are asked for it */
export function propertyOf(column: PgColumn): string {
  const entry = Object.entries(getTableColumns(column.table)).find(([, candidate]) => candidate === column);
  if (!entry) throw new Error(`${column.name} belongs to no table`);
  return entry[0];
}

/** @returns whether any of the permissions is held */
export const mayRead = (permissions: ReadonlySet<Permission>, anyOf: readonly Permission[] | undefined): boolean =>
  anyOf === undefined || anyOf.some((permission) => permissions.has(permission));

/** @returns the permission that is missing to read a field or relation of the type, or undefined where it may be read */
export function missingPermission(
  permissions: ReadonlySet<Permission>,
  type: TypeDeclaration,
  name: string,
): Permission | undefined {
  const required = type.relations[name]?.to().read ?? type.fields[name]?.read;
  return mayRead(permissions, required) ? undefined : required?.[0];
}
