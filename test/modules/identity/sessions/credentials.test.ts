/** Bad credentials over HTTP: refused with 401 and a helpful word, ignored where somebody signs in, and recorded. */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { request as httpRequest } from "node:http";
import { SignJWT } from "jose";
import { expect, it } from "vitest";
import { EMAILS, PASSWORD, signIn, testApp } from "../../../support/app.js";
import { signingKeyOf } from "../../../support/keys.js";

const app = testApp();

const VIEWER = "{ viewer { role } }";
const CREATE = `mutation { createScan(input: { organizationId: "1", targetUrl: "https://a.example/", scanType: "T" }) { scan { id } } }`;
const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");

/** Tokens that a good one is bent into, and tokens that Postern's own key has signed for what it never would. */
async function forged(): Promise<Record<string, string>> {
  const { accessToken, refreshToken } = await signIn(app.anonymous, EMAILS.viewer);
  const [header, payload, signature] = accessToken.split(".") as [string, string, string];
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
  const wanted = { ...claims, role: "ADMIN", org: null };
  const admin = encode(wanted);
  const pem = await signingKeyOf(app);
  const ours = createPrivateKey(pem);
  const publicPem = createPublicKey(pem).export({ type: "spki", format: "pem" }) as string;
  const other = generateKeyPairSync("ed25519");
  const jwk = other.publicKey.export({ format: "jwk" });
  const signed = (key: Parameters<SignJWT["sign"]>[0], head: object, body: object = wanted) =>
    new SignJWT({ ...body }).setProtectedHeader({ alg: "EdDSA", typ: "JWT", ...head }).sign(key);
  const byOurs = (change: object) => signed(ours, {}, { ...claims, ...change });
  return {
    "alg none": `${encode({ alg: "none", typ: "JWT" })}.${admin}.`,
    "alg HS256": `${encode({ alg: "HS256", typ: "JWT" })}.${admin}.${signature}`,
    "HMAC with the public key": await signed(Buffer.from(publicPem), { alg: "HS256" }),
    "another key": await signed(other.privateKey, {}),
    "an embedded jwk": await signed(other.privateKey, { jwk }),
    "a jku": await signed(other.privateKey, { jku: "https://a.example/keys.json" }),
    "an x5u": await signed(other.privateKey, { x5u: "https://a.example/key.pem" }),
    "a kid that is a path": await signed(other.privateKey, { kid: "../../dev/null" }),
    "another role": `${header}.${admin}.${signature}`,
    "another issuer": await byOurs({ iss: "other" }),
    "another audience": await byOurs({ aud: "other" }),
    "not yet valid": await byOurs({ nbf: claims.exp }),
    "issued in the future": await byOurs({ iat: claims.iat + 120, exp: claims.exp + 120 }),
    "without exp": await byOurs({ exp: undefined }),
    "too long a life": await byOurs({ exp: claims.exp + 60 }),
    "a subject that is no id": await byOurs({ sub: "1 or 1=1" }),
    "of another type": await signed(ours, { typ: "refresh+jwt" }, claims),
    "a refresh token": refreshToken,
    "no expiry": `${header}.${encode({ ...claims, exp: undefined })}.${signature}`,
    "no signature": `${header}.${payload}.`,
    "half a signature": accessToken.slice(0, -20),
    "trailing characters": `${accessToken}AAAA`,
    padding: `${accessToken}==`,
    garbage: "abc.def.ghi",
    "a long one": "a".repeat(8000),
  };
}

it("forged and garbled tokens get 401, change nothing, and leave one event each", async () => {
  const counted = async () =>
    (
      await app.sql`select (select count(*)::int from scans) as scans, (select count(*)::int from audit_logs) as audit`
    )[0];
  const before = await counted();
  for (const [name, token] of Object.entries(await forged())) {
    for (const document of [VIEWER, CREATE]) {
      const requestId = `${name.replaceAll(" ", "-")}.${document.length}`;
      const { status, code, errors } = await app.withToken(token).run(document, {}, { "x-request-id": requestId });
      expect([status, code], name).toEqual([401, "UNAUTHENTICATED"]);
      expect(errors?.[0]?.message).toBe("Your access token is not valid: sign in again.");
      const events = await app.sql`
        select event_type, user_id, metadata->>'code' as code from security_events where metadata->>'requestId' = ${requestId}`;
      expect(events).toEqual([{ event_type: "authz_fail", user_id: null, code: "UNAUTHENTICATED" }]);
    }
  }
  expect(await counted()).toEqual(before);
});

/** @returns the status of a request with these Authorization headers; fetch would join them */
const statusWith = (authorizations: readonly string[]): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const headers = [
      "Content-Type",
      "application/json",
      ...authorizations.flatMap((value) => ["Authorization", value]),
    ];
    const request = httpRequest(new URL("/graphql", app.url), {
      method: "POST",
      headers: ["Host", new URL(app.url).host, ...headers],
    });
    request.on("response", (response) => resolve(response.resume().statusCode)).on("error", reject);
    request.end(JSON.stringify({ query: VIEWER }));
  });

it("two Authorization headers are nobody's, whichever is good", async () => {
  const { accessToken } = await signIn(app.anonymous, EMAILS.viewer);
  const good = `Bearer ${accessToken}`;
  expect(await statusWith([good])).toBe(200);
  for (const two of [
    [good, good],
    [good, "Bearer abc.def.ghi"],
    ["Bearer abc.def.ghi", good],
    ["Basic YTpi", good],
  ]) {
    expect(await statusWith(two)).toBe(401);
  }
});

it("a header of 100 kB is more than is read", async () => {
  expect(await statusWith([`Bearer ${"a".repeat(100_000)}`])).toBe(431);
});

it.each([
  [undefined, "Sign in first"],
  ["Basic YTpi", "Authorization header is malformed"],
  ["Bearer", "Authorization header is malformed"],
  ["Bearer a b", "Authorization header is malformed"],
])("says what to do about the header %s", async (authorization, message) => {
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
  const { status, code, errors } = await app.anonymous.run(VIEWER, {}, headers);
  expect([status, code]).toEqual([401, "UNAUTHENTICATED"]);
  expect(errors?.[0]?.message).toContain(message);
});

it("the scheme is read in any case", async () => {
  const { accessToken } = await signIn(app.anonymous, EMAILS.viewer);
  expect((await app.anonymous.run(VIEWER, {}, { authorization: `bearer ${accessToken}` })).status).toBe(200);
});

it.each(["garbage", "expired"])("a Bearer that is %s does not hinder signing in or refreshing", async (kind) => {
  const { accessToken, refreshToken } = await signIn(app.anonymous, EMAILS.viewer);
  const token = kind === "garbage" ? "abc.def.ghi" : accessToken;
  if (kind === "expired") app.clock.aheadMs += 16 * 60_000;
  const client = app.withToken(token);
  expect((await client.run(VIEWER)).status).toBe(401);
  const credentials = await signIn(client, EMAILS.viewer, PASSWORD);
  expect((await app.withToken(credentials.accessToken).run(VIEWER)).status).toBe(200);
  const refreshed = await client.run(
    `mutation($input: RefreshSessionInput!) { refreshSession(input: $input) { accessToken viewer { role } } }`,
    { input: { refreshToken } },
  );
  expect(refreshed.data.refreshSession.viewer).toEqual({ role: "VIEWER" });
  app.clock.aheadMs = 0;
});

it("no secret of signing in reaches the log or the audit log", async () => {
  const { accessToken, refreshToken } = await signIn(app.anonymous, EMAILS.viewer);
  const kept = JSON.stringify([
    app.log,
    await app.sql`select * from audit_logs`,
    await app.sql`select * from security_events`,
  ]);
  for (const secret of [PASSWORD, accessToken, refreshToken]) expect(kept).not.toContain(secret);
});
