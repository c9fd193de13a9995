/** What statements that change rows share with planned reads: row scope and filters, without a query around them. */
import type { SQL } from "drizzle-orm";
import { GraphQLSchema } from "graphql";
import type { Access } from "../auth/actor.js";
import { Compilation, type PlanLimits } from "./compilation.js";
import { compileFilter } from "./filter.js";
import { within } from "./reference.js";
import type { Source } from "./visibility.js";

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
