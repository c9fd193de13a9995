/** A device that has signed in before stays open to its user, whoever guesses elsewhere; its token replaces no password. */
import { expect, it } from "vitest";
import { clientOfAddress, limitEvents, nextAddress } from "../../../rate-limits/asking.js";
import { EMAILS, PASSWORD, signIn, testApp } from "../../../support/app.js";

const app = testApp({
  RATE_LIMITS: JSON.stringify({ authentication: { address: { points: 8 } } }),
  TRUSTED_PROXIES: "1",
});

const SIGN_IN =
  "mutation($input: SignInInput!) { signIn(input: $input) { accessToken refreshToken deviceToken viewer { role } } }";
const CREATE = `mutation($input: CreateUserInput!) { createUser(input: $input) { user { id } } }`;
const FAILED = "UNAUTHENTICATED";
const WRONG = "not-the-right-one";
const DAY_MS = 86_400_000;

async function signedInAs(email: string) {
  const { accessToken } = await signIn(clientOfAddress(app, nextAddress()), email);
  return app.withToken(accessToken);
}

/** @returns the code, or "in", and the device token that was answered */
async function attempt(
  email: string,
  input: { password?: string; deviceToken?: string | null } = {},
  ip = nextAddress(),
) {
  const requestId = `device.${ip}.${++attempts}`;
  const { code, data } = await clientOfAddress(app, ip).run(
    SIGN_IN,
    { input: { email, password: PASSWORD, ...input } },
    { "x-request-id": requestId },
  );
  return { code: code ?? "in", deviceToken: data?.signIn?.deviceToken as string, requestId };
}
let attempts = 0;

let made = 0;
/** A new account, and the token of a device that it knows. */
async function newUser() {
  const email = `dan.${++made}@demo.example`;
  const input = { email, password: PASSWORD, role: "VIEWER", organizationId: "1" };
  const { data } = await (await signedInAs(EMAILS.admin)).run(CREATE, { input });
  const { deviceToken } = await attempt(email);
  return { id: data.createUser.user.id as string, email, deviceToken };
}

async function lockOut(email: string) {
  for (let n = 0; n < 5; n++) expect((await attempt(email, { password: WRONG })).code).toBe(FAILED);
  expect((await attempt(email)).code, "locked").toBe(FAILED);
}

it("opens the account to its user during a lock, which goes on for everybody else", async () => {
  const { id, email, deviceToken } = await newUser();
  await lockOut(email);
  const opened = await attempt(email, { deviceToken });
  expect(opened.code).toBe("in");
  expect((await attempt(email)).code).toBe(FAILED);
  expect((await attempt(email, { deviceToken: opened.deviceToken })).code, "renewed").toBe("in");
  const [lockout] = await app.sql`select failures, locks_in_a_row from lockouts where user_id = ${id}`;
  expect(lockout, "the device changes nothing about the lock").toEqual({ failures: 7, locks_in_a_row: 1 });
});

it("opens the account to its user at an address from which strangers have guessed too often", async () => {
  const { email, deviceToken } = await newUser();
  const ip = nextAddress();
  for (let n = 0; n < 8; n++) expect((await attempt(`nobody.${n}@demo.example`, {}, ip)).code).toBe(FAILED);
  expect((await attempt(email, {}, ip)).code).toBe("RATE_LIMITED");
  expect((await attempt(email, { deviceToken }, ip)).code).toBe("in");
  expect(await limitEvents(app, ip)).toMatchObject([{ tier: "authentication", by: "address", points: 8 }]);
});

it("has five failures of its own, wherever it is, which lock nobody out", async () => {
  const { id, email, deviceToken } = await newUser();
  for (let n = 0; n < 5; n++) expect((await attempt(email, { deviceToken, password: WRONG })).code).toBe(FAILED);
  const ip = nextAddress();
  expect((await attempt(email, { deviceToken }, ip)).code).toBe("RATE_LIMITED");
  expect(await limitEvents(app, ip)).toMatchObject([{ tier: "authentication", by: "device", points: 5, seconds: 900 }]);
  expect(await app.sql`select failures from lockouts where user_id = ${id}`).toEqual([{ failures: 0 }]);
  // A renewed token is the same device; without one, the account is as open as before.
  const { code, deviceToken: another } = await attempt(email);
  expect(code).toBe("in");
  expect((await attempt(email, { deviceToken: another })).code).toBe("in");
  app.clock.aheadMs += 15 * 60_000;
  expect((await attempt(email, { deviceToken })).code).toBe("in");
});

it("replaces no password, and no token of another account, of another key, changed or malformed counts", async () => {
  const { email, deviceToken } = await newUser();
  const other = await newUser();
  await lockOut(email);
  expect((await attempt(email, { deviceToken, password: WRONG })).code).toBe(FAILED);
  const [expiresAt, device, signature] = deviceToken.split(".") as [string, string, string];
  for (const bad of [
    other.deviceToken,
    `${Number(expiresAt) + 1}.${device}.${signature}`,
    `0${expiresAt}.${device}.${signature}`,
    `${expiresAt}.${[...device].reverse().join("")}.${signature}`,
    `${expiresAt}.${device}.${"A".repeat(43)}`,
    `${deviceToken}.`,
    `${deviceToken}\n`,
    `${expiresAt}.${device}.`,
    "",
    null,
    "x".repeat(100_000),
  ]) {
    expect((await attempt(email, { deviceToken: bad })).code, `${bad}`.slice(0, 99)).toBe(FAILED);
  }
  expect((await attempt(email, { deviceToken })).code).toBe("in");
});

it("is good for ninety days, renewed by each sign-in", async () => {
  const { email, deviceToken } = await newUser();
  app.clock.aheadMs += 60 * DAY_MS;
  const renewed = await attempt(email, { deviceToken });
  app.clock.aheadMs += 30 * DAY_MS;
  await lockOut(email);
  expect((await attempt(email, { deviceToken })).code, "after ninety days").toBe(FAILED);
  expect((await attempt(email, { deviceToken: renewed.deviceToken })).code).toBe("in");
});

it("is void after a change of the password, and loses to an officer", async () => {
  const { id, email, deviceToken } = await newUser();
  const admin = await signedInAs(EMAILS.admin);
  await admin.run(
    `mutation { updateUser(input: { id: "${id}", version: 1, password: "four-random-words" }) { user { id } } }`,
  );
  const password = "four-random-words";
  const { deviceToken: newer } = await attempt(email, { password });
  for (let n = 0; n < 5; n++) await attempt(email, { password: WRONG });
  expect((await attempt(email, { password, deviceToken })).code).toBe(FAILED);
  expect((await attempt(email, { password, deviceToken: newer })).code).toBe("in");
  for (const [begin, end] of [
    ["lock", "unlock"],
    ["deactivate", "reactivate"],
  ]) {
    await admin.run(`mutation { ${begin}User(input: { id: "${id}", reason: "Asked." }) { user { id } } }`);
    expect((await attempt(email, { password, deviceToken: newer })).code, begin).toBe(FAILED);
    await admin.run(`mutation { ${end}User(input: { id: "${id}", reason: "Asked." }) { user { id } } }`);
  }
  expect((await attempt(email, { password, deviceToken: newer })).code).toBe("in");
});

it("stands in no record and in no log, and a refresh answers none", async () => {
  const { email, deviceToken } = await newUser();
  const { data } = await clientOfAddress(app, nextAddress()).run(SIGN_IN, {
    input: { email, password: PASSWORD, deviceToken },
  });
  const refresh = `mutation($input: RefreshSessionInput!) { refreshSession(input: $input) { deviceToken } }`;
  const renewed = await app.anonymous.run(refresh, { input: { refreshToken: data.signIn.refreshToken } });
  expect(renewed.data).toEqual({ refreshSession: { deviceToken: null } });
  const kept = JSON.stringify([
    app.log,
    await app.sql`select * from security_events`,
    await app.sql`select * from audit_logs`,
    await app.sql`select * from lockouts`,
  ]);
  for (const secret of [deviceToken, data.signIn.deviceToken, deviceToken.split(".")[1]!]) {
    expect(kept).not.toContain(secret);
  }
});
