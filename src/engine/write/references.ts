/** What given values of a row refer to must exist for the actor: the conditions of it, for statements that change rows. */
import { type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import { propertyOf } from "../../db/dialect.js";
import type { TypeDeclaration } from "../declaration.js";
import type { Compilation } from "../read/compilation.js";

/** The reference by which a row belongs to somebody: its column, and what it leads to. */
function belonging({ scope, relations }: TypeDeclaration): { column: PgColumn; to: string } | undefined {
  if (scope.kind === "organization") return { column: scope.column, to: "organization" };
  const relation = scope.kind === "through" ? relations[scope.relation] : undefined;
  return scope.kind === "through" && relation?.kind === "one"
    ? { column: relation.column, to: scope.relation }
    : undefined;
}

/** A column by which values refer to another row. */
interface Reference {
  readonly column: PgColumn;
  /** What it leads to. */
  readonly to: string;
  /** Whether it is the reference by which the row belongs to somebody. */
  readonly owner: boolean;
}

/** Declarations belong to the process, and never change. */
const known = new WeakMap<TypeDeclaration, readonly Reference[]>();

/** @returns the references of a type, the one by which its rows belong to somebody first */
export function referencesOf(type: TypeDeclaration): readonly Reference[] {
  const found = known.get(type) ?? findReferences(type);
  known.set(type, found);
  return found;
}

function findReferences(type: TypeDeclaration): Reference[] {
  const owner = belonging(type);
  const others = Object.entries(type.relations).flatMap(([to, relation]) =>
    relation.kind === "one" && relation.column !== owner?.column ? [{ column: relation.column, to, owner: false }] : [],
  );
  return owner ? [{ ...owner, owner: true }, ...others] : others;
}

/**
 * What of given values leads nowhere, as a list of (position, name): rows that do not exist for the actor.
 * @param creating whether the values are all that there is of the rows: then these must exist for the actor themselves
 * @returns undefined where all rows exist for the actor, as for staff
 */
export function unreached(
  c: Compilation,
  type: TypeDeclaration,
  columns: readonly PgColumn[],
  given: { readonly from: () => SQL; readonly position: SQL; value(column: PgColumn): SQL },
  creating: boolean,
): SQL | undefined {
  const references = referencesOf(type).filter(({ column }) => columns.includes(column));
  const own = creating || references.some(({ owner }) => owner);
  const belongs = own ? c.visible({ type, name: sql`given`, from: sql`given`, column: given.value }) : undefined;
  const others = references.flatMap(({ column, to, owner }): [string | null, SQL][] => {
    const relation = type.relations[to];
    if (owner || relation?.kind !== "one") return [];
    const target = c.source(relation.to());
    const visible = c.visible(target);
    const key = target.column(target.type.fields.id.column);
    const value = given.value(column);
    if (!visible) return [];
    const found = sql`exists (select from ${target.from} where ${key} = ${value} and ${visible})`;
    return [[propertyOf(column), sql`${value} is null or ${found}`]];
  });
  const owner = references.find((reference) => reference.owner);
  const all: [string | null, SQL][] = belongs
    ? [[owner ? propertyOf(owner.column) : null, belongs], ...others]
    : others;
  if (all.length === 0) return undefined;
  const parts = all.map(
    ([name, reached]) =>
      sql`select ${given.position} as position, ${name}::text as name from ${given.from()} where (${reached}) is not true`,
  );
  return sql`unreached as (${sql.join(parts, sql` union all `)})`;
}

/** The place and the name of the first value that leads nowhere, as JSON; null where none does. */
export const firstUnreached = (unreachedCte: SQL | undefined) =>
  unreachedCte
    ? sql`(select json_build_array(unreached.position - 1, unreached.name)::text from unreached order by unreached.position limit 1)`
    : sql`null`;
/** No condition where nothing was looked at. */
export const reachesAll = (unreachedCte: SQL | undefined) => unreachedCte && sql`not exists (select from unreached)`;
