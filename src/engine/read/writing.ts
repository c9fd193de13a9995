/** Lends parts of the planner to statements that change rows: row scope, filters, and the JSON of a changed row. */
import type { SQL } from "drizzle-orm";
import { GraphQLSchema } from "graphql";
import type { ActorAccess } from "../../auth/actor.js";
import type { TypeDeclaration } from "../declaration.js";
import { Compilation, type CompilationLimits } from "./compilation.js";
import { compileFilter } from "./filter.js";
import type { JsonTemplate } from "./json.js";
import type { PreparationCount } from "./preparation.js";
import { queryValueWithin } from "./query-value.js";
import type { VisibilitySource } from "./visibility.js";

/** What a client asks of a changed row, where the statement that changes the row can answer it too. */
export interface WritingReturn {
  /** The type of the row. */
  readonly type: TypeDeclaration;
  /**
   * Makes the JSON of the row, or `null` where the actor does not see it. Its one column reads the only row of the common table
   * expression `changed`, which holds the row as it is after the change.
   */
  readonly template: JsonTemplate;
  /** The id is unique within a planner. */
  readonly id: number;
  /** Counts a run of the statement. @returns whether it is to run as a prepared statement */
  isDue(statement: PreparationCount): boolean;
}

/** Statements that change rows have no arguments of a query, whose types would be in the schema. */
const NO_SCHEMA = new GraphQLSchema({});

/** Starts the compilation of a statement that does not answer a query. */
export const compilationForWriting = (access: ActorAccess, limits: CompilationLimits) =>
  new Compilation(NO_SCHEMA, access, {}, {}, limits, "no cursors");

/**
 * @param filter a coerced filter; a run finds it in its variables, under the name `filter`
 * @returns the condition on the rows that match; undefined where all do
 * @throws FORBIDDEN, BAD_USER_INPUT, LIMIT_EXCEEDED
 */
export const matchingForWriting = (c: Compilation, source: VisibilitySource, filter: unknown): SQL | undefined =>
  compileFilter(
    c,
    source,
    queryValueWithin((variables) => variables.filter, { variables: { filter } }),
    "filter",
  );
