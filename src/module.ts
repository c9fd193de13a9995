/** A module is a value that app.ts lists. The schema, the permission map and the schedule are sums over all modules. */
import type { Rule } from "./auth/rules.js";
import type { TypeDeclaration } from "./engine/declaration.js";
import type { Mutation } from "./engine/mutation.js";
import type { LiveType } from "./engine/types/live-fields.js";
import type { JobTask } from "./jobs/jobs.js";

export interface Module {
  /** Types with root fields of their own: one for a row by its id, and one for the list. */
  readonly types?: readonly TypeDeclaration[];
  /** The rules of its other queries. */
  readonly queries?: Readonly<Record<string, Rule>>;
  /** Its mutations, by their names in the schema. */
  readonly mutations?: Readonly<Record<string, Mutation>>;
  /** Types whose rows can be followed by subscriptions. */
  readonly live?: readonly LiveType[];
  /** Instances of type-graphql classes, which resolve its queries and the fields that no plan answers. */
  readonly resolvers?: readonly object[];
  /** Its scheduled tasks. */
  readonly tasks?: readonly JobTask[];
  /** Begins its work. Background jobs and audit records already work then. */
  start?(): Promise<void>;
  /** Ends what `start` has begun, even if that has failed half-way. */
  stop?(): Promise<void>;
}
