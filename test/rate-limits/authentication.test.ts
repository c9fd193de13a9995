/** Attempts to sign in are counted before anything is looked up: by account and address, by address, on all replicas together. */
import { sql } from "drizzle-orm";
import { beforeEach, expect, inject, it } from "vitest";
import { createClient } from "../../src/db/client.js";
import { purgeExpired } from "../../src/modules/evidence/retention/retention.service.js";
import { type Client, EMAILS, PASSWORD, signIn, testApp } from "../support/app.js";
import { clientOfAddress, limitEvents, nextAddress } from "./asking.js";

/** Those of attempts are as they are by default. */
const RATE_LIMITS = JSON.stringify({ api: { anonymous: { points: 10_000 } } });
const app = testApp({ RATE_LIMITS, TRUSTED_PROXIES: "1" });
const WINDOW_SECONDS = 15 * 60;

const SIGN_IN = "mutation($input: SignInInput!) { signIn(input: $input) { accessToken refreshToken } }";
const attempt = (client: Client, email: string, password = "wrong-but-long-enough") =>
  client.run(SIGN_IN, { input: { email, password } });
const codes = async (count: number, ask: () => Promise<{ code: string | undefined }>) => {
  const all: (string | undefined)[] = [];
  for (let n = 0; n < count; n++) all.push((await ask()).code);
  return all;
};
const FAILED = "UNAUTHENTICATED";
const lookUps = () => app.statements.filter((text) => /^select .*"password_hash" from "users"/.test(text)).length;

beforeEach(() => {
  app.statements.length = 0;
});

it("the sixth attempt on an account from an address is refused, with when to come back and one event", async () => {
  const ip = nextAddress();
  const client = clientOfAddress(app, ip);
  expect(await codes(5, () => attempt(client, EMAILS.viewer))).toEqual(Array(5).fill(FAILED));
  expect(lookUps()).toBe(5);
  const refused = await attempt(client, EMAILS.viewer, PASSWORD);
  expect(refused).toMatchObject({ status: 429, code: "RATE_LIMITED", data: { signIn: null } });
  const { retryAfterSeconds } = refused.errors![0]!.extensions;
  expect(retryAfterSeconds).toBeGreaterThan(WINDOW_SECONDS - 60);
  expect(retryAfterSeconds).toBeLessThanOrEqual(WINDOW_SECONDS);
  expect(refused.headers.get("retry-after")).toBe(`${retryAfterSeconds}`);
  await codes(3, () => attempt(client, EMAILS.viewer));
  expect(lookUps()).toBe(5);
  expect(await limitEvents(app, ip)).toEqual([
    {
      user_id: null,
      event_status: "WARNING",
      tier: "authentication",
      by: "account",
      points: 5,
      seconds: 900,
      email: EMAILS.viewer,
    },
  ]);

  // Others at this address go on, and this account from elsewhere, once its own lock has ended.
  await signIn(client, EMAILS.analyst);
  app.clock.aheadMs += 60_000;
  await signIn(clientOfAddress(app, nextAddress()), EMAILS.viewer);
});

it("a window begins with its first attempt, and ends", async () => {
  const ip = nextAddress();
  const client = clientOfAddress(app, ip);
  expect(await codes(4, () => attempt(client, EMAILS.dba))).toEqual(Array(4).fill(FAILED));
  app.clock.aheadMs += (WINDOW_SECONDS - 60) * 1000;
  expect(await codes(2, () => attempt(client, EMAILS.dba))).toEqual([FAILED, "RATE_LIMITED"]);
  app.clock.aheadMs += 61_000;
  expect(await codes(6, () => attempt(client, EMAILS.dba))).toEqual([...Array(5).fill(FAILED), "RATE_LIMITED"]);
  // One for each window.
  expect(await limitEvents(app, ip)).toHaveLength(2);
});

it("a success gives its point back", async () => {
  const client = clientOfAddress(app, nextAddress());
  for (let round = 0; round < 2; round++) {
    expect(await codes(2, () => attempt(client, EMAILS.security))).toEqual([FAILED, FAILED]);
    await signIn(client, EMAILS.security);
  }
  expect(await codes(2, () => attempt(client, EMAILS.security))).toEqual([FAILED, "RATE_LIMITED"]);
});

it("whatever the account is called, it is as long a key", async () => {
  const client = clientOfAddress(app, nextAddress());
  const long = `${"ﬀ".repeat(240)}@a.example`;
  expect(await codes(6, () => attempt(client, long))).toEqual([...Array(5).fill(FAILED), "RATE_LIMITED"]);
  const [{ longest }] = (await app.sql`select max(length(key)) as longest from rate_limits`) as [{ longest: number }];
  expect(longest).toBe(64);
});

it("an address has a hundred attempts on all accounts together, and a refused attempt takes none of them", async () => {
  const ip = nextAddress();
  const replica = await app.replica();
  const clients = [app, { withToken: replica.as }].map((each) => clientOfAddress(each, ip));
  const tried: { code: string | undefined }[] = [];
  // Of the first five accounts the sixth and seventh attempt are refused, of the last ones all are.
  for (let first = 0; first < 25; first += 5) {
    const ofFive = Array.from({ length: 35 }, (_, n) =>
      attempt(clients[n % 2]!, `nobody-${first + (n % 5)}@demo.example`),
    );
    tried.push(...(await Promise.all(ofFive)));
  }
  const failed = tried.filter(({ code }) => code === FAILED);
  expect(tried.filter(({ code }) => code === "RATE_LIMITED")).toHaveLength(tried.length - failed.length);
  expect(failed).toHaveLength(100);
  expect(lookUps()).toBe(100);
  const events = await limitEvents(app, ip);
  expect(events.filter(({ by }) => by === "address")).toHaveLength(1);
  // The last of these accounts may have met the address's limit first.
  const accounts = events.filter(({ by }) => by === "account").map(({ email }) => email);
  expect(new Set(accounts).size).toBe(accounts.length);
  expect(accounts.length).toBeGreaterThanOrEqual(15);
  await replica.stop();
});

it("refresh tokens that nobody knows count for the address, and known ones do not", async () => {
  const ip = nextAddress();
  const client = clientOfAddress(app, ip);
  const refresh = (refreshToken: string) =>
    client.run("mutation($input: RefreshSessionInput!) { refreshSession(input: $input) { refreshToken } }", {
      input: { refreshToken },
    });
  const { refreshToken } = await signIn(client, EMAILS.admin);
  expect(await codes(101, () => refresh("made-up"))).toEqual([...Array(100).fill(FAILED), "RATE_LIMITED"]);
  const events = await app.sql`
    select count(*)::int from security_events where ip_address = ${ip} and metadata ->> 'reason' = 'refresh_token_unknown'`;
  expect(events).toEqual([{ count: 100 }]);
  expect((await refresh(refreshToken)).code).toBeUndefined();
  expect((await attempt(client, EMAILS.admin, PASSWORD)).code).toBe("RATE_LIMITED");
});

it("tokens with which nobody can be signed out count for the address", async () => {
  const ip = nextAddress();
  const client = clientOfAddress(app, ip);
  const fields = Array.from(
    { length: 20 },
    (_, n) => `_${n}: signOut(input: { refreshToken: "made-up" }) { signedOut }`,
  );
  const all: (string | undefined)[] = [];
  for (let n = 0; n < 6; n++) {
    const { errors } = await client.run(`mutation { ${fields.join(" ")} }`);
    all.push(...(errors ?? []).map(({ extensions }) => extensions.code));
  }
  expect(all).toEqual([...Array(100).fill(FAILED), ...Array(20).fill("RATE_LIMITED")]);
  const events = await app.sql`
    select count(*)::int from security_events where ip_address = ${ip} and event_type = 'authn_login_fail'`;
  expect(events).toEqual([{ count: 100 }]);
});

it("sessions that have ended are not refreshed, and whoever tries keeps nobody at the address out", async () => {
  const ip = nextAddress();
  const client = clientOfAddress(app, ip);
  const { accessToken, refreshToken } = await signIn(client, EMAILS.analyst);
  await app.withToken(accessToken).run("mutation { signOut { signedOut } }");
  const refresh = () =>
    client.run("mutation($input: RefreshSessionInput!) { refreshSession(input: $input) { refreshToken } }", {
      input: { refreshToken },
    });
  expect(await codes(101, refresh)).toEqual(Array(101).fill(FAILED));
  expect(await codes(1, () => client.run("mutation { signOut { signedOut } }"))).toEqual([FAILED]);
  expect((await attempt(client, EMAILS.otherViewer, PASSWORD)).status).toBe(200);
});

it("attempts at once with the right password all pass", async () => {
  const client = clientOfAddress(app, nextAddress());
  const answers = await Promise.all(Array.from({ length: 10 }, () => attempt(client, EMAILS.otherViewer, PASSWORD)));
  expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
});

it("windows that have ended are deleted, and those that somebody has locked wait for the next time", async () => {
  const [{ name }] = (await app.sql`select current_database() as name`) as [{ name: string }];
  const client = createClient({ connection: { ...inject("connection"), database: name }, poolSize: 1 });
  const ended = () => app.sql`select key from rate_limits where key like 'ended %'`;
  await app.sql`insert into rate_limits (key, points, ends_at)
    select 'ended ' || n, 1, now() - interval '2 hours' from generate_series(1, 3) as n`;
  try {
    await app.sql.begin(async (sql) => {
      await sql`select from rate_limits where key = 'ended 2' for update`;
      await purgeExpired(client.db);
      expect(await ended()).toEqual([{ key: "ended 2" }]);
    });
    await purgeExpired(client.db);
    expect(await ended()).toEqual([]);
  } finally {
    await client.close();
  }
});

it("without the database nobody signs in", async () => {
  const [{ name }] = (await app.sql`select current_database() as name`) as [{ name: string }];
  const owner = createClient({ connection: { ...inject("connection"), database: "postern" }, poolSize: 1 });
  const isOpen = (open: boolean) => owner.db.execute(sql.raw(`alter database ${name} allow_connections ${open}`));
  await isOpen(false);
  await owner.db.execute(sql`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = ${name}`);
  try {
    const client = clientOfAddress(app, nextAddress());
    expect(await attempt(client, EMAILS.viewer, PASSWORD)).toMatchObject({ status: 503, code: "UNAVAILABLE" });
    // What needs no database is answered, limits or not.
    expect(await client.run("{ __typename }")).toMatchObject({ status: 200, code: undefined });
  } finally {
    await isOpen(true);
    await owner.close();
  }
});
