/** Builds the conditions that the rows to which new values refer exist for the actor, for statements that change rows. */
import { type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import { columnProperty } from "../../db/dialect.js";
import type { TypeDeclaration } from "../declaration.js";
import type { Compilation } from "../read/compilation.js";

/** @returns the reference by which a row belongs to an organization or user: its column, and the name of what it refers to */
function ownerReference({ scope, relations }: TypeDeclaration): { column: PgColumn; to: string } | undefined {
  if (scope.kind === "organization" || scope.kind === "user") return { column: scope.column, to: scope.kind };
  const relation = scope.kind === "through" ? relations[scope.relation] : undefined;
  return scope.kind === "through" && relation?.kind === "one"
    ? { column: relation.column, to: scope.relation }
    : undefined;
}

/** A column that refers to another row. */
interface Reference {
  readonly column: PgColumn;
  /** The name of what it refers to. */
  readonly to: string;
  /** Whether the row belongs to an organization or user by this reference. */
  readonly owner: boolean;
}

/** The references of each declaration. Declarations belong to the process, and never change. */
const referencesByType = new WeakMap<TypeDeclaration, readonly Reference[]>();

/** @returns the references of a type; the one by which its rows belong to an organization or user comes first */
export function referencesOf(type: TypeDeclaration): readonly Reference[] {
  const references = referencesByType.get(type) ?? findReferences(type);
  referencesByType.set(type, references);
  return references;
}

function findReferences(type: TypeDeclaration): Reference[] {
  const owner = ownerReference(type);
  const others = Object.entries(type.relations).flatMap(([to, relation]) =>
    relation.kind === "one" && relation.column !== owner?.column ? [{ column: relation.column, to, owner: false }] : [],
  );
  return owner ? [{ ...owner, owner: true }, ...others] : others;
}

/**
 * Builds the common table expression `unreached`: the positions and names of values that refer to rows which do not exist for the actor.
 * @param values the table of new values, the position in it, and the expression of each column
 * @param creating whether the values make new rows, which must exist for the actor too
 * @returns undefined where every row exists for the actor, as for staff
 */
export function unreachedReferences(
  c: Compilation,
  type: TypeDeclaration,
  columns: readonly PgColumn[],
  values: { readonly from: () => SQL; readonly position: SQL; value(column: PgColumn): SQL },
  creating: boolean,
): SQL | undefined {
  const references = referencesOf(type).filter(({ column }) => columns.includes(column));
  const own = creating || references.some(({ owner }) => owner);
  const belongs = own ? c.visible({ type, name: sql`given`, from: sql`given`, column: values.value }) : undefined;
  const others = references.flatMap(({ column, to, owner }): [string | null, SQL][] => {
    const relation = type.relations[to];
    if (owner || relation?.kind !== "one") return [];
    const target = c.source(relation.to());
    const visible = c.visible(target);
    const key = target.column(target.type.fields.id.column);
    const value = values.value(column);
    if (!visible) return [];
    const exists = sql`exists (select from ${target.from} where ${key} = ${value} and ${visible})`;
    return [[columnProperty(column), sql`${value} is null or ${exists}`]];
  });
  const owner = references.find((reference) => reference.owner);
  const all: [string | null, SQL][] = belongs
    ? [[owner ? columnProperty(owner.column) : null, belongs], ...others]
    : others;
  if (all.length === 0) return undefined;
  const parts = all.map(
    ([name, reached]) =>
      sql`select ${values.position} as position, ${name}::text as name from ${values.from()} where (${reached}) is not true`,
  );
  return sql`unreached as (${sql.join(parts, sql` union all `)})`;
}

/** Selects the index and the name of the first unreached value, as JSON, or null. */
export const firstUnreachedReference = (unreachedCte: SQL | undefined) =>
  unreachedCte
    ? sql`(select json_build_array(unreached.position - 1, unreached.name)::text from unreached order by unreached.position limit 1)`
    : sql`null`;
/** The condition that no value is unreached; undefined where no value was checked. */
export const reachesAllReferences = (unreachedCte: SQL | undefined) =>
  unreachedCte && sql`not exists (select from unreached)`;
