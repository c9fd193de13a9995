/** Refuses what cannot be stored as it is: NUL bytes, lone surrogates, which PostgreSQL would replace, and infinities, which JSON lacks. */
import { badUserInput } from "../errors.js";

const wellFormed = (text: string) => text.isWellFormed() && !text.includes("\0");

/**
 * Checks a value of any depth, keys included.
 * @param field where the value stands, for the error
 * @throws BAD_USER_INPUT at the first string or number that cannot be stored, and at a symbol, with which the scalar JSON marks a fault
 */
export function requireWellFormed(value: unknown, field: string): void {
  if (typeof value === "string") {
    if (!wellFormed(value)) {
      throw badUserInput(field, "Remove NUL characters and unpaired surrogates: they cannot be stored.");
    }
  } else if (typeof value === "symbol") {
    throw badUserInput(field, value.description ?? "Give a value here.");
  } else if (typeof value === "number") {
    if (!Number.isFinite(value)) throw badUserInput(field, "Give a number below 1.8e308.");
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      // Most items are sound strings. Skipping them here saves building a path for each.
      if (typeof item === "string" && wellFormed(item)) continue;
      requireWellFormed(item, `${field}.${index}`);
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      if (!wellFormed(key)) requireWellFormed(key, field);
      if (typeof item === "string" && wellFormed(item)) continue;
      requireWellFormed(item, field === "input" ? key : `${field}.${key}`);
    }
  }
}

/** @returns the value with every string made storable, for the record of a request that was refused for its strings */
export function makeWellFormed<T>(value: T): T {
  if (typeof value === "string") return value.toWellFormed().replaceAll("\0", "\uFFFD") as T;
  if (Array.isArray(value)) return value.map(makeWellFormed) as T;
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [makeWellFormed(key), makeWellFormed(item)]),
    ) as T;
  }
  return value;
}
