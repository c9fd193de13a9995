/** Only the right password is accepted, and its hashing waits in order. */
import { setImmediate } from "node:timers/promises";
import { parseOptions } from "@node-rs/argon2";
import { expect, test } from "vitest";
import { hashInTurn, MAX_PASSWORDS_HASHED_AT_ONCE } from "../../src/auth/hashing-queue.js";
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

/** Work that lasts until it is ended, and who has begun it, in order. */
function held() {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  return {
    begun,
    work: (name: string) => () =>
      new Promise<void>((resolve) => {
        begun.push(name);
        ends.push(resolve);
      }),
    /** Ends what began first, and lets the next begin. */
    async endOne() {
      ends.shift()?.();
      await setImmediate();
    },
  };
}
const stranger = <T>(name: string, work: () => T): T =>
  asCaller({ name, share: ANONYMOUS_SHARE, hasLeft: false }, work);

test("who asks for many passwords at once takes no place of others: one of them is hashed at once", async () => {
  const { begun, work, endOne } = held();
  const ask = (name: string) => as(name, () => hashInTurn(work(name)));
  const many = Promise.allSettled(Array.from({ length: MAX_PASSWORDS_HASHED_AT_ONCE }, () => ask("many")));
  const others = Promise.all(["one", "two", "three"].map(ask));
  await setImmediate();
  expect(begun).toEqual(["many", "one"]);
  for (let turns = 0; turns < 3; turns++) await endOne();
  // One turn in four is that of whoever waits longest.
  expect(begun.filter((name) => name !== "many")).toEqual(["one", "two", "three"]);
  for (let turns = 0; turns < MAX_PASSWORDS_HASHED_AT_ONCE; turns++) await endOne();
  await others;
  // Three of them gave way.
  expect(refusedOf(await many)).toEqual(Array(3).fill("UNAVAILABLE"));
});

test("a flood of strangers keeps nobody waiting who has failed less: the last of it give way", async () => {
  const { begun, work, endOne } = held();
  const ask = (name: string, failures: number) => stranger(name, () => hashInTurn(work(name), { name, failures }));
  const flood = Promise.allSettled(
    Array.from({ length: MAX_PASSWORDS_HASHED_AT_ONCE + 20 }, (_, n) => ask(`flood ${n}`, 2)),
  );
  const others = Promise.allSettled([
    ask("failed more", 3),
    ask("new", 1),
    ask("known device", 0),
    as("signed in", () => hashInTurn(work("signed in"))),
  ]);
  await setImmediate();
  expect(begun).toEqual(["flood 0", "flood 1"]);
  for (let turns = 0; turns < 4; turns++) await endOne();
  expect(begun.filter((name) => !name.startsWith("flood"))).toEqual(["known device", "signed in", "new"]);
  for (let turns = 0; turns < MAX_PASSWORDS_HASHED_AT_ONCE; turns++) await endOne();
  expect(refusedOf(await others)).toEqual(["UNAVAILABLE"]);
  expect(begun).not.toContain("failed more");
  expect(refusedOf(await flood)).toEqual(Array(20 + 3).fill("UNAVAILABLE"));
});

test("whoever has failed is served in the end, however many new ones come", async () => {
  let isServed = false;
  const guess = (name: string, failures: number) =>
    stranger(name, () => verifyPassword(null, "a guess", { name, failures }));
  let rounds = 0;
  const loop = async (name: string) => {
    for (; !isServed && rounds < 400; rounds++) await guess(name, 1);
  };
  const loops = ["one", "two", "three", "four"].map(loop);
  await guess("mistyped once", 2);
  isServed = true;
  await Promise.all(loops);
  expect(rounds).toBeLessThan(40);
});

test("strangers take no place of somebody who is signed in, however much they have under way", async () => {
  const own = Array.from({ length: 30 }, () => as("signed in", look));
  const strangers = Promise.allSettled(
    Array.from({ length: MAX_PASSWORDS_HASHED_AT_ONCE }, (_, n) => stranger(`stranger ${n}`, look)),
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
