/** Inputs as zod schemas that also say how they show: the GraphQL input derives from the schema that checks it. */
import { z } from "zod";

/** How a schema shows in GraphQL, where zod does not say it. */
interface Shown {
  /** Of an object: its name, and what it is. */
  readonly name?: string;
  readonly description?: string;
  readonly scalar?: "ID" | "DateTime" | "JSON";
  /** A type that is made elsewhere. */
  readonly type?: () => object;
}

const shown = z.registry<Shown>();

/** @returns what was said of a schema */
export const shownOf = (schema: z.core.$ZodType): Shown => shown.get(schema) ?? {};

/** @returns the same schema, which shows so */
export function showAs<T extends z.ZodType>(how: Shown, schema: T): T {
  shown.add(schema, how);
  return schema;
}

/**
 * An input of a client.
 * @param name in the schema
 * @param fields each with its check and its description (`.describe()`); one that admits undefined may be left out
 */
export const inputObject = <T extends z.core.$ZodShape>(name: string, description: string, fields: T) =>
  showAs({ name, description }, z.object(fields));
