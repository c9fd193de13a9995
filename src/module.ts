/** What a module is to the rest of Postern: a value that app.ts lists. The schema, the permission map and the schedule are sums of these. */
import type { Rule } from "./auth/rules.js";
import type { TypeDeclaration } from "./engine/declaration.js";
import type { Mutation } from "./engine/mutation.js";
import type { Task } from "./jobs/jobs.js";

export interface Module {
  /** Types with root fields of their own: one row by its id, and the list of all. */
  readonly types?: readonly TypeDeclaration[];
  /** Who may call its queries, beside the root fields of its types. */
  readonly queries?: Readonly<Record<string, Rule>>;
  /** By their names in the schema. */
  readonly mutations?: Readonly<Record<string, Mutation>>;
  /** Instances of type-graphql classes, one for each class: its queries, and fields that no plan answers. */
  readonly resolvers?: readonly object[];
  /** What it does by the clock. */
  readonly tasks?: readonly Task[];
  /** Begins its work; background jobs and the record of calls work by then. */
  start?(): Promise<void>;
  /** Ends what `start` has begun, also where that has failed half-way. */
  stop?(): Promise<void>;
}
