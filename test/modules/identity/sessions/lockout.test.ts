/** Guessing the password of an account is bounded for the account, whoever guesses from wherever, and tells nothing. */
import { createHook } from "node:async_hooks";
import { hash, verify } from "@node-rs/argon2";
import { expect, it } from "vitest";
import { judgeLockout, type Lockout, NO_LOCKOUT } from "../../../../src/modules/identity/sessions/lockout.js";
import { clientOfAddress, nextAddress } from "../../../rate-limits/asking.js";
import { EMAILS, PASSWORD, signIn, type TestApp, testApp } from "../../../support/app.js";

const app = testApp({ RATE_LIMITS: "", TRUSTED_PROXIES: "1" });

const SIGN_IN = "mutation($input: SignInInput!) { signIn(input: $input) { accessToken deviceToken } }";
const WRONG = "not-the-right-one";
const MINUTE_MS = 60_000;

/** Signs in anew, because the clock goes further than a token lives. */
async function officer(email: string) {
  const { accessToken } = await signIn(clientOfAddress(app, nextAddress()), email);
  return app.withToken(accessToken);
}

let made = 0;
/** A new account, so that no test counts for another. */
async function newUser() {
  const email = `kim.${++made}@demo.example`;
  const create = `mutation($input: CreateUserInput!) { createUser(input: $input) { user { id } } }`;
  const input = { email, password: PASSWORD, role: "VIEWER", organizationId: "1" };
  const { data } = await (await officer(EMAILS.admin)).run(create, { input });
  return { id: data.createUser.user.id as string, email };
}

/** Tries from an address of its own, so that only the account limits it. @returns the code, or "in" */
async function attempt(
  email: string,
  password = WRONG,
  more: Record<string, unknown> = {},
  at: Pick<TestApp, "withToken"> = app,
) {
  const { code, status, errors, data } = await clientOfAddress(at, nextAddress()).run(SIGN_IN, {
    input: { email, password, ...more },
  });
  if (code === "UNAUTHENTICATED") {
    expect([status, errors?.[0]?.message]).toEqual([
      401,
      "The e-mail address or the password is wrong. Check both and try again.",
    ]);
  }
  return { code: code ?? "in", deviceToken: data?.signIn?.deviceToken as string };
}
const codesOf = async (count: number, email: string, password?: string) => {
  const codes: string[] = [];
  for (let n = 0; n < count; n++) codes.push((await attempt(email, password)).code);
  return codes;
};
const FAILED = "UNAUTHENTICATED";

const lockoutOf = async (id: string) =>
  (
    await app.sql`select failures, locks_in_a_row as locks, locked_until is not null as locked from lockouts where user_id = ${id}`
  )[0];
const events = (id: string) => app.sql`
  select event_type, count(*)::int from security_events
  where user_id = ${id} and event_type like 'authn_login_%' group by event_type order by event_type`;

it("five failures in a quarter of an hour lock the account for a minute, then two, then four; a success forgets them", async () => {
  const { id, email } = await newUser();
  for (const [n, minutes] of [1, 2, 4].entries()) {
    expect(await codesOf(5, email)).toEqual(Array(5).fill(FAILED));
    expect(await lockoutOf(id)).toEqual({ failures: 5, locks: n + 1, locked: true });
    app.clock.aheadMs += minutes * MINUTE_MS - 2000;
    expect((await attempt(email, PASSWORD)).code, "the right password during the lock").toBe(FAILED);
    app.clock.aheadMs += 2000;
  }
  expect((await attempt(email, PASSWORD)).code).toBe("in");
  expect(await lockoutOf(id)).toEqual({ failures: 0, locks: 0, locked: false });
  expect(await events(id)).toEqual([
    { event_type: "authn_login_fail", count: 18 },
    { event_type: "authn_login_lock", count: 3 },
    { event_type: "authn_login_success", count: 1 },
  ]);
  const [lock] = await app.sql`
    select event_status, ip_address is not null as has_address, metadata - 'requestId' as metadata from security_events
    where user_id = ${id} and event_type = 'authn_login_lock' order by id limit 1`;
  expect(lock).toEqual({
    event_status: "WARNING",
    has_address: true,
    metadata: { locksInARow: 1, lockedUntil: expect.stringMatching(/Z$/) },
  });
  expect(JSON.stringify(await app.sql`select * from security_events where user_id = ${id}`)).not.toContain(WRONG);
  expect(await codesOf(4, email), "counted anew").toEqual(Array(4).fill(FAILED));
  expect((await attempt(email, PASSWORD)).code).toBe("in");
  const [user] = await app.sql`select version from users where id = ${id}`;
  expect(user, "no failure changes the user").toEqual({ version: 1 });
});

it("a window begins with its first failure, and ends", async () => {
  const { email } = await newUser();
  expect(await codesOf(4, email)).toEqual(Array(4).fill(FAILED));
  app.clock.aheadMs += 15 * MINUTE_MS;
  expect(await codesOf(4, email)).toEqual(Array(4).fill(FAILED));
  expect((await attempt(email, PASSWORD)).code).toBe("in");
});

it("a lock ends no session", async () => {
  const { email } = await newUser();
  const { accessToken } = await signIn(clientOfAddress(app, nextAddress()), email);
  await codesOf(5, email);
  expect((await app.withToken(accessToken).run("{ viewer { role } }")).data).toEqual({ viewer: { role: "VIEWER" } });
});

it("of parallel guesses through two replicas, in whatever form of the address, five are judged; nobody else is locked", async () => {
  const { id, email } = await newUser();
  const other = await newUser();
  const replica = await app.replica();
  const there = { withToken: replica.as };
  const wide = email.replaceAll(/[!-~]/g, (character) => String.fromCharCode(character.charCodeAt(0) + 0xfee0));
  const forms = [email, email.toUpperCase(), wide, ` ${email} `, email.replace("k", "\u212a")];
  const guesses = Array.from({ length: 40 }, (_, n) =>
    attempt(forms[n % forms.length]!, WRONG, {}, n % 2 ? app : there),
  );
  expect((await Promise.all(guesses)).map(({ code }) => code)).toEqual(Array(40).fill(FAILED));
  // Those after the fifth are counted on, and change nothing else.
  expect(await lockoutOf(id)).toEqual({ failures: 40, locks: 1, locked: true });
  expect(await events(id)).toEqual([
    { event_type: "authn_login_fail", count: 40 },
    { event_type: "authn_login_lock", count: 1 },
  ]);
  expect((await attempt(email, PASSWORD, {}, there)).code).toBe(FAILED);
  expect((await attempt(other.email, PASSWORD)).code).toBe("in");
  app.clock.aheadMs += MINUTE_MS;
  expect((await attempt(email, PASSWORD)).code).toBe("in");
  await replica.stop();
});

it("unlockUser ends a lock, and lockUser wins over a right password", async () => {
  const { id, email } = await newUser();
  await codesOf(5, email);
  const client = await officer(EMAILS.security);
  const change = (name: string) =>
    client.run(`mutation { ${name}User(input: { id: "${id}", reason: "Asked." }) { user { version } } }`);
  expect((await change("unlock")).data.unlockUser.user.version).toBe(1);
  expect(await lockoutOf(id)).toBeUndefined();
  expect((await attempt(email, PASSWORD)).code).toBe("in");
  await change("lock");
  expect((await attempt(email, PASSWORD)).code).toBe(FAILED);
});

it("a lock of an officer that comes between the hashing and the opening of a session wins", async () => {
  const { id, email } = await newUser();
  const client = await officer(EMAILS.security);
  const inFlight = Array.from({ length: 6 }, () => attempt(email, PASSWORD));
  const locking = client.run(`mutation { lockUser(input: { id: "${id}", reason: "Now." }) { user { id } } }`);
  await Promise.all([...inFlight, locking]);
  expect(await app.sql`select id from sessions where user_id = ${id} and revoked_at is null`).toEqual([]);
});

it("every refusal takes the same statements and one hash, whatever its cause", async () => {
  const wrong = await newUser();
  const locked = await newUser();
  const byOfficer = await newUser();
  const deactivated = await newUser();
  const passwordless = await newUser();
  await codesOf(5, locked.email);
  await app.sql`update users set locked_at = now() where id = ${byOfficer.id}`;
  await app.sql`update users set deactivated_at = now() where id = ${deactivated.id}`;
  await app.sql`update users set password_hash = null where id = ${passwordless.id}`;
  const causes = {
    "an unknown account": ["nobody.here@demo.example", PASSWORD],
    "no address at all": ["correct horse battery", PASSWORD],
    "a wrong password": [wrong.email, WRONG],
    "a lock": [locked.email, PASSWORD],
    "an officer's lock": [byOfficer.email, PASSWORD],
    "a deactivation": [deactivated.email, PASSWORD],
    "no password": [passwordless.email, PASSWORD],
    "an empty hash as password": [passwordless.email, "$argon2id$v=19$m=19456,t=2,p=1$"],
  } as const;
  const began = new Map<string, number>();
  const hook = createHook({ init: (_id, type) => void began.set(type, (began.get(type) ?? 0) + 1) }).enable();
  // The kind of work that the library does on a thread, whatever it is called.
  const known = await hash("x");
  began.clear();
  await verify(known, "y");
  const [hashing = "none"] = [...began.keys()].filter((type) => type !== "PROMISE");
  expect(began.get(hashing)).toBe(1);
  const seen: object[] = [];
  for (const [cause, [email, password]] of Object.entries(causes)) {
    app.statements.length = 0;
    began.clear();
    expect((await attempt(email, password)).code, cause).toBe(FAILED);
    seen.push({ statements: [...app.statements], hashes: began.get(hashing) });
  }
  hook.disable();
  const [first, ...others] = seen;
  expect(first).toEqual({ statements: expect.objectContaining({ length: 7 }), hashes: 1 });
  for (const each of others) expect(each).toEqual(first);
});

it.each<[string, Partial<Lockout>, boolean, number, Partial<ReturnType<typeof judgeLockout>>]>([
  [
    "the fifth failure begins a lock",
    { failures: 4, windowBeganAtMs: 0 },
    false,
    899_999,
    { begins: true, passes: false },
  ],
  ["the window is over", { failures: 4, windowBeganAtMs: 0 }, false, 900_000, { begins: false }],
  [
    "a lock stands",
    { failures: 5, windowBeganAtMs: 0, locksInARow: 1, lockedUntilMs: 60_000 },
    true,
    59_999,
    { passes: false, begins: false },
  ],
  [
    "a lock has ended",
    { failures: 5, windowBeganAtMs: 0, locksInARow: 1, lockedUntilMs: 60_000 },
    true,
    60_000,
    { passes: true, lockout: NO_LOCKOUT },
  ],
  [
    "no lock is longer than a quarter of an hour",
    { failures: 4, windowBeganAtMs: 0, locksInARow: 2000 },
    false,
    1,
    { begins: true, lockout: { failures: 5, windowBeganAtMs: 0, locksInARow: 2001, lockedUntilMs: 900_001 } },
  ],
])("%s", (_, before, isRight, nowMs, expected) => {
  expect(judgeLockout({ ...NO_LOCKOUT, ...before }, isRight, nowMs)).toMatchObject(expected);
});
