/** Only the right password is accepted, and its hashing waits in order. */
import { parseOptions } from "@node-rs/argon2";
import { expect, test } from "vitest";
import { MAX_PASSWORDS_HASHED_AT_ONCE } from "../../src/auth/hashing-queue.js";
import { hashPassword, verifyPassword } from "../../src/auth/passwords.js";
import { ANONYMOUS_SHARE, asCaller } from "../../src/values/caller.js";

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
  // One of the many at a time beside three others, of which a busy machine may keep one on its thread for long.
  expect(ended.filter((name) => name === "many").length).toBeLessThan(20);
  // Three of them gave way.
  expect(refusedOf(await many)).toEqual(Array(3).fill("UNAVAILABLE"));
});

test("a flood of strangers keeps nobody waiting who has failed less: the last of it give way", async () => {
  const ended: string[] = [];
  const stranger = (name: string, failures: number) =>
    asCaller({ name, share: ANONYMOUS_SHARE, hasLeft: false }, () =>
      verifyPassword(null, "a guess", { name, failures }),
    ).then(() => ended.push(name));
  const flood = Promise.allSettled(
    Array.from({ length: MAX_PASSWORDS_HASHED_AT_ONCE + 20 }, (_, n) => stranger(`flood ${n}`, 2)),
  );
  const others = [
    stranger("failed more", 3),
    stranger("new", 1),
    stranger("known device", 0),
    as("signed in", look).then(() => ended.push("signed in")),
  ];
  const outcomes = await Promise.allSettled(others);
  expect(refusedOf(outcomes)).toEqual(["UNAVAILABLE"]);
  expect(outcomes[0]?.status, "who has failed more").toBe("rejected");
  // Two of the flood were hashed already when they came, and one turn in four is that of whoever waits longest.
  const ahead = ended.slice(0, 25);
  expect(ahead.filter((name) => !name.startsWith("flood")).sort()).toEqual(["known device", "new", "signed in"]);
  expect(refusedOf(await flood)).toEqual(Array(20 + 3).fill("UNAVAILABLE"));
});

test("whoever has failed is served in the end, however many new ones come", async () => {
  let isServed = false;
  const stranger = (name: string, failures: number) =>
    asCaller({ name, share: ANONYMOUS_SHARE, hasLeft: false }, () =>
      verifyPassword(null, "a guess", { name, failures }),
    );
  let rounds = 0;
  const loop = async (name: string) => {
    for (; !isServed && rounds < 400; rounds++) await stranger(name, 1);
  };
  const loops = ["one", "two", "three", "four"].map(loop);
  await stranger("mistyped once", 2);
  isServed = true;
  await Promise.all(loops);
  expect(rounds).toBeLessThan(40);
});

test("strangers take no place of somebody who is signed in, however much they have under way", async () => {
  const own = Array.from({ length: 30 }, () => as("signed in", look));
  const strangers = Promise.allSettled(
    Array.from({ length: MAX_PASSWORDS_HASHED_AT_ONCE }, (_, n) =>
      asCaller({ name: `stranger ${n}`, share: ANONYMOUS_SHARE, hasLeft: false }, look),
    ),
  );
  expect(await Promise.all(own)).toEqual(Array(30).fill(false));
  expect(refusedOf(await strangers)).toEqual(Array(30).fill("UNAVAILABLE"));
});

test("nothing is hashed for a client that has left", async () => {
  const gone = { name: "gone", hasLeft: false };
  const first = as("gone", look);
  const second = asCaller(gone, look);
  gone.hasLeft = true;
  await expect(second).rejects.toMatchObject({ code: "TIMEOUT" });
  expect(await first).toBe(false);
});
