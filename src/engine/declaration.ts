/** The shape of a declaration, which describes a readable type over its table. Its GraphQL types, joins and row scope derive from it. */
import type { SQL } from "drizzle-orm";
import type { PgColumn, PgTable } from "drizzle-orm/pg-core";
import type { z } from "zod";
import type { ActorAccess } from "../auth/actor.js";
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
  /** How the value follows from columns of the row, within a statement, where it is not that of `column`. */
  readonly value?: (of: (column: PgColumn) => SQL) => SQL;
  /** The registered enum, where `kind` is `enum`. */
  readonly enumeration?: object;
  /** The type of the column's JSON, where `kind` is `embedded`. */
  readonly embedded?: EmbeddedType;
  /** How the value follows from columns of the row, where `kind` is `derived`. */
  readonly derived?: DerivedValue;
  /** Any of these permissions allows reading the field. Without them, everybody who reads the type may. */
  readonly read?: readonly Permission[];
  /** What `contains` takes, where `kind` is `json` and the column does not hold just any JSON: else it would find nothing, and not say why. */
  readonly contained?: z.ZodType;
  /** Whether values that differ only in case are equal: the unique index is then on `lower(column)`. */
  readonly inAnyCase?: true;
  /** False where sums, extremes and groups of the field would mean nothing. */
  readonly aggregated?: false;
}

/** A field of an embedded object; its name is the key in the JSON. */
export interface EmbeddedField {
  readonly kind: Exclude<FieldKind, "derived"> | "fetched";
  readonly description: string;
  readonly nullable: boolean;
  /** Whether it is a list of such values, none of them null. Of objects their type says it. */
  readonly list?: true;
  readonly enumeration?: object;
  readonly embedded?: EmbeddedType;
  /** What the field's resolver needs in order to fetch the value, where `kind` is `fetched`. */
  readonly fetched?: FetchedValue;
  readonly read?: readonly Permission[];
}

/** A value that no row holds. The resolver of the field fetches it, and declares the field's type and arguments. */
interface FetchedValue {
  /** Columns of the row, by the names under which the resolver gets their JSON. */
  readonly row: Readonly<Record<string, PgColumn>>;
  /** Keys of the embedded object that the field belongs to, which the resolver gets too. */
  readonly own: readonly string[];
}

/** The type of an object, or of a list of objects, that a jsonb column holds as a whole. */
export interface EmbeddedType {
  readonly name: string;
  readonly description: string;
  readonly list: boolean;
  readonly fields: Readonly<Record<string, EmbeddedField>>;
}

/** A value that is computed from columns of the row and from the actor's access. */
export interface DerivedValue {
  /** The columns that it needs, by the names under which `derive` gets their JSON. */
  readonly needs: Readonly<Record<string, PgColumn>>;
  /** The type of the value: the fields of an object are read by name. */
  readonly type: EmbeddedType | "boolean";
  derive(needs: Readonly<Record<string, never>>, access: ActorAccess): unknown;
}

/** The row that a column of this table refers to. */
export interface OneRelation {
  readonly kind: "one";
  readonly to: () => TypeDeclaration;
  readonly column: PgColumn;
  readonly description: string;
  /** The relation that leads back, where the other type has one. */
  readonly inverse?: Inverse;
}

/** The other side of a relation to one: the type that refers declares it for the type that it refers to. */
export interface Inverse {
  readonly name: string;
  readonly description: string;
  /** Whether it is null for actors who may read the type but not the rows that it leads to, so that they still get the other fields. */
  readonly nullable?: boolean;
  /**
   * The relation to one of the other type that leads on to the type whose other side it is: the chat messages of an organization are those
   * of its users. Where it is absent, that is the other type itself.
   */
  readonly through?: string;
  readonly shared?: SharedRows;
}

/** Rows that belong to each row with the same value, as well as to the one that they refer to. */
export interface SharedRows {
  /** The column of the rows. */
  readonly column: PgColumn;
  /** What it equals. @param of names a column of the row that they belong to, within a statement */
  readonly equals: (of: (column: PgColumn) => SQL) => SQL;
}

/** The rows whose relation `by` refers to this row. It follows from the `inverse` of that relation. */
export interface ManyRelation {
  readonly kind: "many";
  readonly to: () => TypeDeclaration;
  readonly by: string;
  /** As in `Inverse`. */
  readonly through?: string | undefined;
  /** As in `Inverse`. */
  readonly shared?: SharedRows | undefined;
  readonly description: string;
  /** As in `Inverse`. */
  readonly nullable: boolean;
}

/**
 * Which rows exist for an actor of one organization. Staff see every row, but for those of other users.
 * - `organization`: the rows whose column names that organization
 * - `user`: the rows whose column names the user who acts, whatever the role; actors with the permission `unless` see every row
 * - `through`: the rows whose relation leads to a visible row
 * - `staff`: none, because only staff see them
 * - `everyone`: all
 */
export type Scope =
  | { readonly kind: "organization"; readonly column: PgColumn }
  | { readonly kind: "user"; readonly column: PgColumn; readonly unless: Permission }
  | { readonly kind: "through"; readonly relation: string }
  | { readonly kind: "staff" }
  | { readonly kind: "everyone" };

/** Actors without the permission `unless` see only the rows whose column equals the value, which is a constant of the code. */
interface Narrowing {
  readonly unless: Permission;
  readonly column: PgColumn;
  readonly equals: string;
}

interface IdentifierDeclaration {
  /** A name, in any case. */
  readonly column: PgColumn;
  /** A longer name, which is compared as it is written. */
  readonly longColumn: PgColumn;
  readonly goneSince: PgColumn;
  /** What distinguishes the rows of a name that several rows have, by the keys of the candidates in the error. */
  readonly candidates: Readonly<Record<string, PgColumn>>;
}

export interface TypeDeclaration {
  /** The GraphQL name. With a small first letter it names the root field of one row. */
  readonly name: string;
  /** The root field of a list. With a capital first letter it names the mutations of many rows. */
  readonly plural: string;
  readonly description: string;
  readonly table: PgTable;
  /** Any of these permissions allows reading the type. */
  readonly read: readonly [Permission, ...Permission[]];
  /** Whether its rows are those of another type, read in another way. It has neither root fields nor node ids. */
  readonly isFace?: true;
  /** Any of these permissions allows calling its root fields; `read` where this is absent. */
  readonly queriedBy?: readonly [Permission, ...Permission[]];
  readonly scope: Scope;
  readonly narrowing?: Narrowing;
  /** The relation to one whose row counts these rows: a trigger updates the count when they change. */
  readonly countedBy?: string;
  /** The field that identifies a row, in any case. An upsert finds its row by it. */
  readonly uniqueKey?: string;
  /** The field of the default order: its newest value comes first, and `id` breaks ties. */
  readonly newestBy: string;
  /** What clients may give instead of an id: values that only one row has among those that are not gone. */
  readonly identifier?: IdentifierDeclaration;
  readonly fields: Readonly<Record<string, FieldDeclaration>> & { readonly id: FieldDeclaration };
  readonly relations: Readonly<Record<string, OneRelation | ManyRelation>>;
  /** Columns to filter by under the name of an embedded field, which cannot be compared as a whole. */
  readonly filters?: Readonly<Record<string, FieldDeclaration>>;
}

/** @returns the types that have root fields, and the types to which only their relations lead */
export const declarationsWithRelated = (types: readonly TypeDeclaration[]): TypeDeclaration[] => [
  ...new Set(types.flatMap((type) => [type, ...Object.values(type.relations).map((relation) => relation.to())])),
];

/** @returns the name of a field that holds one row of the type, such as `chatSession` */
export const singularOf = ({ name }: TypeDeclaration): string => name.charAt(0).toLowerCase() + name.slice(1);

/** @returns the permissions of which any allows calling the root fields of a declared type */
export const declaredQueryPermissions = ({ queriedBy, read }: TypeDeclaration): TypeDeclaration["read"] =>
  queriedBy ?? read;

/** @returns the relation to one of the type with this name */
export function relationToOne({ name: typeName, relations }: TypeDeclaration, name: string): OneRelation {
  const relation = relations[name];
  if (relation?.kind !== "one") throw new Error(`${typeName}.${name} is no relation to one`);
  return relation;
}

/** @returns the relations to one that lead back from the rows of a relation to many, one after the other */
export function inversesOf({ to, by, through }: ManyRelation): readonly OneRelation[] {
  const inverse = relationToOne(to(), by);
  return through === undefined ? [inverse] : [inverse, relationToOne(inverse.to(), through)];
}

/** @returns whether the actor holds any of the permissions; true where none is required */
export const mayReadDeclared = (
  permissions: ReadonlySet<Permission>,
  anyOf: readonly Permission[] | undefined,
): boolean => anyOf === undefined || anyOf.some((permission) => permissions.has(permission));

/** @returns the permission that the actor lacks to read a field or relation of the type; undefined where it lacks none */
export function missingDeclaredPermission(
  permissions: ReadonlySet<Permission>,
  type: TypeDeclaration,
  name: string,
): Permission | undefined {
  const required = type.relations[name]?.to().read ?? type.fields[name]?.read;
  return mayReadDeclared(permissions, required) ? undefined : required?.[0];
}
