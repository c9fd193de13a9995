/** How a readable type is declared: once, over its table. Object type, connection, filter, order, joins and row scope derive from it. */
import type { PgColumn, PgTable } from "drizzle-orm/pg-core";
import type { Access } from "../auth/actor.js";
import type { Permission } from "../auth/permissions.js";

/** `id` is a bigint key as decimal text, `opaqueId` an identifier that is only compared. */
export type FieldKind =
  | "id"
  | "opaqueId"
  | "string"
  | "int"
  | "float"
  | "boolean"
  | "dateTime"
  | "json"
  | "enum"
  | "embedded"
  | "derived";

export interface FieldDeclaration {
  readonly column: PgColumn;
  readonly kind: FieldKind;
  readonly description: string;
  /** The registered enum, where `kind` is `enum`. */
  readonly enumeration?: object;
  /** Where `kind` is `embedded`: what the JSON of the column holds. */
  readonly embedded?: EmbeddedType;
  /** Where `kind` is `derived`: how the value follows from columns of the row. */
  readonly derived?: DerivedValue;
  /** Any of these permissions reads the field; without, whoever reads the type does. */
  readonly read?: readonly Permission[];
  /** Values that differ by case alone are the same: what is unique about them is `lower(column)`. */
  readonly inAnyCase?: true;
  /** False where sums, extremes and groups of it would mean nothing. */
  readonly aggregated?: false;
}

/** A field of an embedded object; its name is the key in the JSON. */
export interface EmbeddedField {
  readonly kind: Exclude<FieldKind, "derived"> | "asked";
  readonly description: string;
  readonly nullable: boolean;
  readonly enumeration?: object;
  readonly embedded?: EmbeddedType;
  /** Where `kind` is `asked`: what its resolver finds in its place. */
  readonly asked?: AskedValue;
  readonly read?: readonly Permission[];
}

/** Says of what a value is asked that no row holds. A resolver of the field's name asks for it, and gives it its type and arguments. */
export interface AskedValue {
  /** Columns of the row, by the names under which the resolver gets their JSON. */
  readonly row: Readonly<Record<string, PgColumn>>;
  /** Keys of the object that the field belongs to. */
  readonly own: readonly string[];
}

/** An object type, or a list of them, that a jsonb column holds whole. */
export interface EmbeddedType {
  readonly name: string;
  readonly description: string;
  readonly list: boolean;
  readonly fields: Readonly<Record<string, EmbeddedField>>;
}

/** A value that is computed from columns of the row, and from who asks. */
export interface DerivedValue {
  /** The columns it needs, by the names under which `derive` gets their JSON. */
  readonly needs: Readonly<Record<string, PgColumn>>;
  /** The shape of the value; its fields are taken by name. */
  readonly type: EmbeddedType;
  derive(needs: Readonly<Record<string, never>>, access: Access): unknown;
}

/** The row that a column of this table refers to. */
export interface OneRelation {
  readonly kind: "one";
  readonly to: () => TypeDeclaration;
  readonly column: PgColumn;
  readonly description: string;
  /** What the other side calls the rows that refer to it, where it names them at all. */
  readonly inverse?: Inverse;
}

/** A relation to many, as whoever refers declares it for the type it refers to. */
export interface Inverse {
  readonly name: string;
  readonly description: string;
  /** Whether it is null for those who may read the type and not what it leads to, who are answered the rest. */
  readonly nullable?: boolean;
}

/** The rows whose relation `by` refers to this row: made of the `inverse` of that relation. */
export interface ManyRelation {
  readonly kind: "many";
  readonly to: () => TypeDeclaration;
  readonly by: string;
  readonly description: string;
  /** Null for those who may read the type and not what it leads to, who are answered the rest. */
  readonly nullable: boolean;
}

/**
 * Which rows exist for an actor of one organization; staff reach every row.
 * - `organization`: rows whose column names that organization
 * - `through`: rows whose relation leads to a visible row
 * - `staff`: none
 * - `everyone`: all
 */
export type Scope =
  | { readonly kind: "organization"; readonly column: PgColumn }
  | { readonly kind: "through"; readonly relation: string }
  | { readonly kind: "staff" }
  | { readonly kind: "everyone" };

/** Actors without `unless` see only the rows whose column equals the value, a constant of the code. */
export interface Narrowing {
  readonly unless: Permission;
  readonly column: PgColumn;
  readonly equals: string;
}

export interface TypeDeclaration {
  /** GraphQL name; with a small letter in front it names the root field of one row. */
  readonly name: string;
  /** The root field of a list; with a capital in front it names the mutations of many rows. */
  readonly plural: string;
  readonly description: string;
  readonly table: PgTable;
  /** Any of these permissions reads the type. */
  readonly read: readonly [Permission, ...Permission[]];
  /** Any of these permissions calls its root fields, where not each that reads it does. */
  readonly queriedBy?: readonly [Permission, ...Permission[]];
  readonly scope: Scope;
  readonly narrowing?: Narrowing;
  /** The relation to one whose row keeps a count of these rows: a trigger changes it with them. */
  readonly countedBy?: string;
  /** The field that names a row among all of its type, in any case; an upsert goes by it. */
  readonly uniqueKey?: string;
  /** The field whose newest value comes first unless a query orders otherwise; ties fall to `id`. */
  readonly newestBy: string;
  /** A column that names a row as well as its id does, where only one row that is not gone has the name, in any case. */
  readonly identifier?: { readonly column: PgColumn; readonly goneSince: PgColumn };
  readonly fields: Readonly<Record<string, FieldDeclaration>> & { readonly id: FieldDeclaration };
  readonly relations: Readonly<Record<string, OneRelation | ManyRelation>>;
  /** Columns to filter by under the name of an embedded field, which as a whole cannot be compared. */
  readonly filters?: Readonly<Record<string, FieldDeclaration>>;
}

/** @returns the types with root fields of their own, and those that only their relations lead to */
export const withRelated = (types: readonly TypeDeclaration[]): TypeDeclaration[] => [
  ...new Set(types.flatMap((type) => [type, ...Object.values(type.relations).map((relation) => relation.to())])),
];

/** @returns the name of one row of a type where a field holds it, such as `chatSession` */
export const singularOf = ({ name }: TypeDeclaration): string => name.charAt(0).toLowerCase() + name.slice(1);

/** @returns the relation to one that a relation to many is the other side of */
export function inverseOf(relation: ManyRelation): OneRelation {
  const inverse = relation.to().relations[relation.by];
  if (inverse?.kind !== "one") throw new Error(`${relation.to().name}.${relation.by} is no relation to one`);
  return inverse;
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
