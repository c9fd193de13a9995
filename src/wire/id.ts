/** Ids on the wire: the decimal text of a bigint key. */
import { badUserInput } from "../errors.js";

const DECIMAL = /^(0|[1-9][0-9]{0,18})$/;
const MAX = 2n ** 63n - 1n;

/**
 * @param field names the argument in the error
 * @returns the same text, safe to cast to bigint
 * @throws BAD_USER_INPUT
 */
export function requireId(value: unknown, field: string): string {
  if (typeof value === "string" && DECIMAL.test(value) && BigInt(value) <= MAX) return value;
  throw badUserInput(field, "An id is the decimal text of a key, such as 42.");
}
