/** What statements that change rows share with planned reads: row scope, filters, and what is answered of a changed row. */
import type { SQL } from "drizzle-orm";
import { GraphQLSchema } from "graphql";
import type { Access } from "../../auth/actor.js";
import { Compilation, type PlanLimits } from "./compilation.js";
import { compileFilter } from "./filter.js";
import type { Template } from "./json.js";
import type { Counted } from "./preparation.js";
import { within } from "./query-value.js";
import type { Source } from "./visibility.js";

/** What is asked of a changed row, where the statement that changes it can answer that, too. */
export interface Returning {
  /**
   * Makes the JSON of the row, `null` where the actor does not see it, of one column, which reads the only row of `changed`: the
   * common table expression with the changed row as it is now.
   */
  readonly template: Template;
  /** No other of the same planner has it. */
  readonly id: number;
  /** Counts a run of one. @returns whether it shall run as a prepared statement */
  isDue(statement: Counted): boolean;
}

/** No argument of a query is looked up in it. */
const NO_SCHEMA = new GraphQLSchema({});

export const withoutQuery = (access: Access, limits: PlanLimits) =>
  new Compilation(NO_SCHEMA, access, {}, {}, limits, "no cursors");

/**
 * @param filter a coerced value; a run finds it in its variables, under the name `filter`
 * @returns which rows of the source match, of those that exist for the actor; undefined: all
 * @throws FORBIDDEN, BAD_USER_INPUT, LIMIT_EXCEEDED
 */
export const matching = (c: Compilation, source: Source, filter: unknown): SQL | undefined =>
  compileFilter(
    c,
    source,
    within((variables) => variables.filter, { variables: { filter } }),
    "filter",
  );
