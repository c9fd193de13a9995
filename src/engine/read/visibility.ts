/** Builds the condition on the rows that exist for an actor, from the declaration's scope. Reads and writes share it. */
import { and, eq, type SQL, sql } from "drizzle-orm";
import { alias, type PgColumn, type PgTable } from "drizzle-orm/pg-core";
import type { ActorAccess } from "../../auth/actor.js";
import { columnProperty } from "../../db/dialect.js";
import { type FieldDeclaration, relationToOne, type TypeDeclaration } from "../declaration.js";

/** A table in a statement, under its own name or an alias. */
export interface VisibilitySource {
  readonly type: TypeDeclaration;
  readonly name: SQL;
  /** `table` or `table as alias`, for a FROM clause. */
  readonly from: SQL;
  column(column: PgColumn): SQL;
}

/** @returns the value of a field of a row of the source */
export const visibleFieldValue = ({ column }: VisibilitySource, field: FieldDeclaration): SQL =>
  field.value?.(column) ?? column(field.column);

/** @returns the rows of a type under an alias @param rows where they come from, with the columns of the table; the table itself by default */
export function aliasedVisibilitySource(
  type: TypeDeclaration,
  name: string,
  rows: SQL = sql`${type.table}`,
): VisibilitySource {
  const table = alias(type.table, name) as PgTable & Record<string, PgColumn>;
  const identifier = sql`${sql.identifier(name)}`;
  return {
    type,
    name: identifier,
    from: sql`${rows} as ${identifier}`,
    column: (column) => sql`${table[columnProperty(column)]}`,
  };
}

/** Returns whether the scope of a type hides no row from the actor. Actors of the same shape get the same answer. */
export function reachesEveryRow({ scope, relations }: TypeDeclaration, access: ActorAccess): boolean {
  if (scope.kind === "everyone") return true;
  if (scope.kind === "user") return access.permissions.has(scope.unless);
  if (access.organizationId !== null) return false;
  const relation = scope.kind === "through" ? relations[scope.relation] : undefined;
  return relation === undefined || reachesEveryRow(relation.to(), access);
}

/** What a scope compares columns with, of the actor. */
export type VisibilityParameter = "organizationId" | "userId";

/**
 * @param parameter the parameter that carries the actor's organization or id
 * @param related a fresh source for a table that the scope leads through
 * @returns the condition, or undefined where every row is visible
 */
export function visibilityCondition(
  source: VisibilitySource,
  access: ActorAccess,
  parameter: (name: VisibilityParameter) => SQL,
  related: (type: TypeDeclaration) => VisibilitySource,
): SQL | undefined {
  const { scope, narrowing } = source.type;
  const narrowed =
    narrowing && !access.permissions.has(narrowing.unless)
      ? eq(source.column(narrowing.column), narrowing.equals)
      : undefined;
  if (reachesEveryRow(source.type, access)) return narrowed;
  if (scope.kind === "organization" || scope.kind === "user") {
    const own = parameter(scope.kind === "user" ? "userId" : "organizationId");
    return and(narrowed, sql`${source.column(scope.column)} = ${own}::bigint`);
  }
  if (scope.kind !== "through") return sql`false`;
  const relation = relationToOne(source.type, scope.relation);
  const target = related(relation.to());
  const joined = sql`${target.column(target.type.fields.id.column)} = ${source.column(relation.column)}`;
  const beyond = visibilityCondition(target, access, parameter, related);
  return and(narrowed, sql`exists (select 1 from ${target.from} where ${and(joined, beyond)})`);
}
