/** What may be a password, and that only the right one is accepted. */
import { parseOptions } from "@node-rs/argon2";
import { expect, test } from "vitest";
import {
  hashPassword,
  MAX_PASSWORDS_HASHED_AT_ONCE,
  requireGoodPassword,
  verifyPassword,
} from "../../src/auth/passwords.js";
import type { AppError } from "../../src/errors.js";
import { asCaller } from "../../src/values/caller.js";

function fault(password: string): AppError {
  try {
    requireGoodPassword(password, "newPassword");
  } catch (error) {
    return error as AppError;
  }
  throw new Error(`accepted: ${password}`);
}

test.each([
  ["eleven", "x7!kQ2m9#Zp"],
  ["emoji count once", "🦊".repeat(6)],
  ["129", "x7!kQ2m9#Zp4".repeat(11).slice(0, 129)],
])("a password of the wrong length is refused: %s", (_, password) => {
  const { extensions, message } = fault(password);
  expect(extensions).toEqual({ code: "BAD_USER_INPUT", field: "newPassword" });
  expect(message).toMatch(/at (least 12|most 128) characters/);
});

test.each([
  "password1234",
  "PassWord2026!",
  "!!!Welcome123",
  "aaaaaaaaaaaa",
  "abcabcabcabc",
  "123456789012",
  "098765432109",
  "ABCDEFGHIJKL",
  "qwertyuiopas",
  "1qaz2wsx3edc",
  "1q2w3e4r5t6y",
  "administrator",
  "passwordpassword",
])("one of the commonest is refused: %s", (password) => {
  const { extensions, message } = fault(password);
  expect(extensions).toEqual({ code: "BAD_USER_INPUT", field: "newPassword" });
  expect(message).toContain("commonest");
});

test.each([
  "correct horse battery",
  "x7!kQ2m9#Zp4",
  "パスワードは十二文字以上で",
  "Tr0ub4dor&3-again",
  `a${"b7!".repeat(42)}c`,
])("a password that is none of them is accepted: %s", (password) =>
  expect(() => requireGoodPassword(password, "password")).not.toThrow(),
);

test("a hash is argon2id with OWASP's parameters, and never the same twice", async () => {
  const [one, two] = await Promise.all([hashPassword("correct horse battery"), hashPassword("correct horse battery")]);
  expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  expect(parseOptions(one)).toMatchObject({ memoryCost: 19_456, timeCost: 2, parallelism: 1 });
  expect(one).not.toBe(two);
});

test("only the right password matches, however its characters were composed", async () => {
  const hash = await hashPassword("Zo\u00eb's garden gate");
  expect(await verifyPassword(hash, "Zo\u00eb's garden gate")).toBe(true);
  expect(await verifyPassword(hash, "Zoe\u0308's garden gate")).toBe(true);
  expect(await verifyPassword(hash, "Zoe's garden gate")).toBe(false);
  expect(await verifyPassword(hash, "")).toBe(false);
});

test("an unknown account takes the work of a known one, and matches nothing", async () => {
  const hash = await hashPassword("correct horse battery");
  const median = async (run: () => Promise<boolean>) => {
    const times: number[] = [];
    for (let i = 0; i < 9; i++) {
      const start = performance.now();
      expect(await run()).toBe(false);
      times.push(performance.now() - start);
    }
    return times.sort((a, b) => a - b)[4] as number;
  };
  const known = await median(() => verifyPassword(hash, "wrong"));
  const unknown = await median(() => verifyPassword(undefined, "wrong"));
  // A short cut would be a thousand times faster.
  expect(unknown / known).toBeGreaterThan(0.3);
  expect(unknown / known).toBeLessThan(3);
});

const as = <T>(name: string, work: () => T): T => asCaller({ name, hasLeft: false }, work);
const look = () => verifyPassword(undefined, "whatever it is");
const refusedOf = (outcomes: PromiseSettledResult<unknown>[]) =>
  outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason.code] : []));

test("only so many wait for their password to be looked at; the others are told to come back", async () => {
  const outcomes = await Promise.allSettled(
    Array.from({ length: MAX_PASSWORDS_HASHED_AT_ONCE + 12 }, (_, n) => as(`caller ${n}`, look)),
  );
  expect(refusedOf(outcomes)).toEqual(Array(12).fill("UNAVAILABLE"));
  expect(await look(), "and then it goes on").toBe(false);
});

test("who asks for many passwords at once takes no place of others: one of them is hashed at once", async () => {
  const ended: string[] = [];
  const noted = (name: string) => as(name, look).then(() => ended.push(name));
  const many = Promise.allSettled(Array.from({ length: MAX_PASSWORDS_HASHED_AT_ONCE }, () => noted("many")));
  await Promise.all(["one", "two", "three"].map(noted));
  // One of the many at a time beside three others, and threads are few.
  expect(ended.filter((name) => name === "many").length).toBeLessThanOrEqual(4);
  expect(refusedOf(await many)).toEqual(Array(MAX_PASSWORDS_HASHED_AT_ONCE / 2).fill("UNAVAILABLE"));
});
