/** Only the right password is accepted, and its hashing waits in order. */
import { parseOptions } from "@node-rs/argon2";
import { expect, test } from "vitest";
import { hashPassword, MAX_PASSWORDS_HASHED_AT_ONCE, verifyPassword } from "../../src/auth/passwords.js";
import { asCaller } from "../../src/values/caller.js";

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

test("where there is no password, none matches", async () => {
  expect(await verifyPassword(null, "")).toBe(false);
});

const as = <T>(name: string, work: () => T): T => asCaller({ name, hasLeft: false }, work);
const look = () => verifyPassword(null, "whatever it is");
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
