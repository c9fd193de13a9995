/** The functions with which models write declarations: fields over columns, relations, and the check of the whole. */
import type { PgColumn } from "drizzle-orm/pg-core";
import type { Permission } from "../auth/permissions.js";
import {
  type DerivedValue,
  type EmbeddedType,
  type FieldDeclaration,
  type FieldKind,
  type Inverse,
  type ManyRelation,
  type OneRelation,
  relationToOne,
  type TypeDeclaration,
} from "./declaration.js";
import { NODE_ID_FIELD } from "./read/node-id.js";

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
 * Declares a field over a column. Its GraphQL type follows from the column's type, its nullability from NOT NULL.
 * @param options `value`: as in FieldDeclaration; `enumeration`: the registered enum; `kind`: for a column whose type does not tell the kind
 */
export function field(
  column: PgColumn,
  description: string,
  options: Partial<Pick<FieldDeclaration, "enumeration" | "read" | "kind" | "inAnyCase" | "value" | "contained">> = {},
): FieldDeclaration {
  const kind = options.kind ?? (options.enumeration ? "enum" : KIND_OF_TYPE[column.columnType]);
  if (!kind) throw new Error(`no GraphQL type for ${column.columnType}`);
  if (kind === "enum" && !options.enumeration) throw new Error(`${column.name}: which enum?`);
  return { ...options, column, kind, description };
}

/** Declares the number that counts a row's changes. */
export const version = (column: PgColumn): FieldDeclaration => ({
  ...field(column, "Counts changes; an update names the version it saw."),
  aggregated: false,
});

/** Declares an object, or a list of objects, that a jsonb column holds as a whole. */
export const embedded = (
  column: PgColumn,
  description: string,
  type: EmbeddedType,
  read?: readonly Permission[],
): FieldDeclaration => ({ column, kind: "embedded", description, embedded: type, ...(read && { read }) });

/** Declares a value that is computed from columns of the row. @param column the column whose NOT NULL tells whether the value may be null */
export const derived = (column: PgColumn, description: string, value: DerivedValue): FieldDeclaration => ({
  column,
  kind: "derived",
  description,
  derived: value,
});

/** Declares a relation to one row. @param inverse the relation back, which is added to the other type; that must be declared before */
export const one = (
  to: () => TypeDeclaration,
  column: PgColumn,
  description: string,
  inverse?: Inverse,
): OneRelation => ({ kind: "one", to, column, description, ...(inverse && { inverse }) });

/**
 * Checks what the compiler cannot: that the names in the declaration exist and that its scope leads to a row.
 * @returns the declaration; the types that refer to it add their inverse relations to it when they are declared
 */
export function declareType(draft: TypeDeclaration): TypeDeclaration {
  const declaration: TypeDeclaration = { ...draft, relations: { ...draft.relations } };
  const { name, newestBy, uniqueKey, countedBy, fields, relations, scope } = declaration;
  if (fields[NODE_ID_FIELD] ?? relations[NODE_ID_FIELD])
    throw new Error(`${name}: ${NODE_ID_FIELD} is every type's own`);
  if (!fields[newestBy]) throw new Error(`${name}: newestBy names no field`);
  if (uniqueKey && !fields[uniqueKey]?.inAnyCase)
    throw new Error(`${name}: uniqueKey names no field that is the same in any case`);
  if (countedBy && relations[countedBy]?.kind !== "one") throw new Error(`${name}: countedBy names no relation to one`);
  if (scope.kind === "through" && relations[scope.relation]?.kind !== "one") {
    throw new Error(`${name}: the scope leads through no relation to one`);
  }
  for (const [by, relation] of Object.entries(relations)) {
    if (relation.kind === "one" && relation.inverse) addInverse(relation.to(), declaration, by, relation.inverse);
  }
  return declaration;
}

function addInverse(
  target: TypeDeclaration,
  child: TypeDeclaration,
  by: string,
  { name, description, nullable = false, through, shared }: Inverse,
): void {
  const parent = through === undefined ? target : relationToOne(target, through).to();
  if (parent.fields[name] ?? parent.relations[name]) throw new Error(`${parent.name}.${name} is declared twice`);
  const relations: Record<string, OneRelation | ManyRelation> = parent.relations;
  relations[name] = { kind: "many", to: () => child, by, through, shared, description, nullable };
}
