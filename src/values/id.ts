/** Checks ids as clients send them: the decimal text of a bigint key. */
import { badUserInput } from "../errors.js";

const DECIMAL = /^(0|[1-9][0-9]{0,18})$/;
const MAX = 2n ** 63n - 1n;

/** @returns whether a value is the decimal text of a bigint key */
export const isId = (value: unknown): value is string =>
  typeof value === "string" && DECIMAL.test(value) && BigInt(value) <= MAX;

/**
 * @param field names the argument in the error
 * @returns the same text, safe to cast to bigint
 * @throws BAD_USER_INPUT
 */
export function requireId(value: unknown, field: string): string {
  if (isId(value)) return value;
  throw badUserInput(field, "An id is the decimal text of a key, such as 42.");
}
