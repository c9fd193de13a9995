/** Tells zod schemas how they appear in GraphQL, so that an input type derives from the schema that checks it. */
import { z } from "zod";

/** How a schema appears in GraphQL, where zod cannot say it. */
interface Shown {
  /** The name and the description of an input type. */
  readonly name?: string;
  readonly description?: string;
  /** Whether exactly one field of the input type must be given, as `@oneOf` says. */
  readonly isOneOf?: true;
  readonly scalar?: "ID" | "DateTime" | "JSON";
  /** Returns a GraphQL type that was made in another way. */
  readonly type?: () => object;
}

const shown = z.registry<Shown>();

/** @returns what `showAs` was told of the schema */
export const shownOf = (schema: z.core.$ZodType): Shown => shown.get(schema) ?? {};

/** Notes how a schema appears in GraphQL. @returns the same schema */
export function showAs<T extends z.ZodType>(appearance: Shown, schema: T): T {
  shown.add(schema, appearance);
  return schema;
}

/**
 * Declares an input type.
 * @param name the name of the GraphQL type
 * @param fields a described check for each field (`.describe()`); clients may leave out a field whose check admits undefined
 */
export const inputObject = <T extends z.core.$ZodShape>(name: string, description: string, fields: T) =>
  showAs({ name, description }, z.object(fields));
