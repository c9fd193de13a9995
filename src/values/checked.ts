/** Checks inputs for what their GraphQL types cannot say: lengths, forms, and whether null means no value. */
import { z } from "zod";
import { badUserInput } from "../errors.js";
import { isId } from "./id.js";
import { showAs } from "./inputs.js";
import { canonicalMailbox } from "./mailbox.js";

/**
 * @param at where the input stands, if it is a part of what was sent
 * @returns the input as the schema transforms it, without fields that the schema does not name
 * @throws BAD_USER_INPUT with the path of the first fault
 */
export function checked<T extends z.ZodType>(schema: T, input: unknown, at?: string): z.output<T> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = at === undefined ? (issue?.path ?? []) : [at, ...(issue?.path ?? [])];
  throw badUserInput(path.join(".") || "input", issue?.message ?? "This is malformed.");
}

const characters = (count: number) => `${count} character${count === 1 ? "" : "s"}`;

/** A text of `min` to `max` characters. An empty string is refused unless `min` is 0. */
export const checkedText = (max: number, min = 1) =>
  z
    .string({ error: "Give a text." })
    .min(min, `Give at least ${characters(min)}.`)
    .max(max, `Give at most ${characters(max)}.`);

export const checkedId = showAs(
  { scalar: "ID" },
  z.string().refine(isId, "An id is the decimal text of a key, such as 42."),
);

/** A row's version, as the caller saw it. */
export const checkedVersion = z
  .number({ error: "Give the version that you saw." })
  .int()
  .min(1, "A version is 1 or more.");

/** A value that may be absent or null, which both mean that there is none. */
export const nullable = <T extends z.ZodType>(schema: T) => schema.nullish();

/** A value that may be absent or null, which both mean its default. */
export const absent = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);

/** A moment. The GraphQL scalar has already checked its form. */
export const checkedMoment = showAs({ scalar: "DateTime" }, z.string({ error: "Give a moment." }));

export const checkedNumber = z.number({ error: "Give a finite number." });

const MAX_JSON_CHARACTERS = 32_768;
export const checkedJson = showAs(
  { scalar: "JSON" },
  z.unknown().refine((value) => JSON.stringify(value ?? null).length <= MAX_JSON_CHARACTERS, {
    message: `Give at most ${MAX_JSON_CHARACTERS} characters of JSON.`,
  }),
);

/** Keys with values, as what `contains` looks for where a column holds nothing else. */
export const checkedJsonObject = z.record(z.string(), z.unknown(), {
  error: 'Give an object of keys and values, such as `{ type: "user" }`.',
});

/** What may be an e-mail address, in its canonical form. */
export const checkedMailbox = checkedText(254).transform(canonicalMailbox);

/** The address of an account. The form of an address is checked last, because a canonical text may be longer than the one that was sent. */
export const checkedEmail = checkedMailbox
  .pipe(checkedText(254))
  .pipe(z.email("Give an e-mail address, such as ada@example.org."));

export const checkedUrl = checkedText(2048).pipe(
  z.url({ protocol: /^https?$/, error: "Give an http or https address, such as https://app.example.org/." }),
);
