/** Values that can be kept: no NUL bytes, which PostgreSQL refuses, no lone surrogates, which it replaces, no infinities, of which JSON makes null, no gaps. */
import { badUserInput } from "../errors.js";

const wellFormed = (text: string) => text.isWellFormed() && !text.includes("\0");

/**
 * Walks a value of any depth, keys included.
 * @param field where the value stands, for the error
 * @throws BAD_USER_INPUT at the first string or number that cannot be stored, and where JSON holds what says why it may not
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
      // Names are put together only where one may be needed: most items are strings without a fault.
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

/** @returns the value with every string made storable, for records of requests that were refused for theirs */
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
