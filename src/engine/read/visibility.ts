/** Builds the condition on the rows that exist for an actor, from the declaration's scope. Reads and writes share it. */
import { and, eq, type SQL, sql } from "drizzle-orm";
import { alias, type PgColumn, type PgTable } from "drizzle-orm/pg-core";
import type { ActorAccess } from "../../auth/actor.js";
import { columnProperty } from "../../db/dialect.js";
import { relationToOne, type TypeDeclaration } from "../declaration.js";

/** A table in a statement, under its own name or an alias. */
export interface VisibilitySource {
  readonly type: TypeDeclaration;
  readonly name: SQL;
  /** `table` or `table as alias`, for a FROM clause. */
  readonly from: SQL;
  column(column: PgColumn): SQL;
}

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

/**
 * @param organization the parameter that carries the actor's organization
 * @param related a fresh source for a table that the scope leads through
 * @returns the condition, or undefined where every row is visible
 */
export function visibilityCondition(
  source: VisibilitySource,
  access: ActorAccess,
  organization: () => SQL,
  related: (type: TypeDeclaration) => VisibilitySource,
): SQL | undefined {
  const { scope, narrowing } = source.type;
  const narrowed =
    narrowing && !access.permissions.has(narrowing.unless)
      ? eq(source.column(narrowing.column), narrowing.equals)
      : undefined;
  if (access.organizationId === null || scope.kind === "everyone") return narrowed;
  if (scope.kind === "staff") return sql`false`;
  if (scope.kind === "organization") {
    return and(narrowed, sql`${source.column(scope.column)} = ${organization()}::bigint`);
  }
  const relation = relationToOne(source.type, scope.relation);
  const target = related(relation.to());
  const joined = sql`${target.column(target.type.fields.id.column)} = ${source.column(relation.column)}`;
  const beyond = visibilityCondition(target, access, organization, related);
  return and(narrowed, sql`exists (select 1 from ${target.from} where ${and(joined, beyond)})`);
}
