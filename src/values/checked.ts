/** Checks of inputs beyond what their GraphQL types say: lengths, forms, and that null means no value. */
import { z } from "zod";
import { badUserInput } from "../errors.js";
import { isId } from "./id.js";
import { showAs } from "./inputs.js";

/**
 * @returns the input as the schema describes it, and nothing else of it
 * @throws BAD_USER_INPUT with the path of the first fault
 */
export function checked<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw badUserInput(issue?.path.join(".") || "input", issue?.message ?? "This is malformed.");
}

const count = (n: number) => `${n} character${n === 1 ? "" : "s"}`;

/** Text of so many characters. An empty string is a value; give `min` 0 where it is allowed. */
export const text = (max: number, min = 1) =>
  z
    .string({ error: "Give a text." })
    .min(min, `Give at least ${count(min)}.`)
    .max(max, `Give at most ${count(max)}.`);

export const idText = showAs(
  { scalar: "ID" },
  z.string().refine(isId, "An id is the decimal text of a key, such as 42."),
);

/** A row's version, as the caller saw it. */
export const versionNumber = z
  .number({ error: "Give the version that you saw." })
  .int()
  .min(1, "A version is 1 or more.");

/** Absent or null: no value. */
export const nullable = <T extends z.ZodType>(schema: T) => schema.nullish();

/** Absent or null: the default. */
export const absent = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);

/** Its form was checked by the scalar. */
export const momentText = showAs({ scalar: "DateTime" }, z.string({ error: "Give a moment." }));

export const finite = z.number({ error: "Give a finite number." });

const MAX_JSON_CHARACTERS = 32_768;
export const json = showAs(
  { scalar: "JSON" },
  z.unknown().refine((value) => JSON.stringify(value ?? null).length <= MAX_JSON_CHARACTERS, {
    message: `Give at most ${MAX_JSON_CHARACTERS} characters of JSON.`,
  }),
);

export const email = text(254)
  .pipe(z.email("Give an e-mail address, such as ada@example.org."))
  .transform((value) => value.toLowerCase());

export const httpUrl = text(2048).pipe(
  z.url({ protocol: /^https?$/, error: "Give an http or https address, such as https://app.example.org/." }),
);
