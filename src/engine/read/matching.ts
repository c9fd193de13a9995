/** Lends filters to the statements of services: their conditions hold the values of one request. */
import { and, type SQL, sql } from "drizzle-orm";
import { GraphQLSchema } from "graphql";
import type { ActorAccess } from "../../auth/actor.js";
import { requireWellFormed } from "../../values/well-formed.js";
import type { TypeDeclaration } from "../declaration.js";
import { Compilation, type CompilationGetter, type CompilationLimits } from "./compilation.js";
import { compileFilter } from "./filter.js";
import { queryValueWithin } from "./query-value.js";
import type { VisibilitySource } from "./visibility.js";

/** Compiles for one run, whose values go into the statement at once. */
class CompilationOfRun extends Compilation {
  override param(
    getter: CompilationGetter,
    field: string,
    encode: (value: unknown) => unknown = (value) => value,
  ): SQL {
    const value = getter({ variables: this.variables, access: this.access, values: [] });
    requireWellFormed(value, field);
    return sql`${encode(value)}`;
  }
}

/**
 * @param filter the coerced argument `filter` of a query
 * @returns the rows of a type under an alias, and the condition on those that match and exist for the actor; undefined where all do
 * @throws FORBIDDEN, BAD_USER_INPUT, LIMIT_EXCEEDED
 */
export function matchingRows(
  type: TypeDeclaration,
  filter: unknown,
  access: ActorAccess,
  limits: CompilationLimits,
): { readonly source: VisibilitySource; readonly condition: SQL | undefined } {
  const variables = { filter };
  const c = new CompilationOfRun(new GraphQLSchema({}), access, {}, variables, limits, "no cursors");
  const source = c.source(type);
  const given = queryValueWithin((variables) => variables.filter, { variables });
  const matches = filter === undefined ? undefined : compileFilter(c, source, given);
  return { source, condition: and(c.visible(source), matches) };
}
