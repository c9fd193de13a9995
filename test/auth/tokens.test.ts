/** Access tokens: only what this key signed for this service, and only while it lives. */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import * as jose from "jose";
import { expect, test, vi } from "vitest";
import { createTokens } from "../../src/auth/tokens.js";
import { createCache } from "../../src/cache.js";
import { encode, makeTokens, newKey, PAYLOAD, SUBJECT, sign } from "./signed.js";

const cache = createCache(1_048_576);
const verify = vi.spyOn(crypto.subtle, "verify");
const verifications = () => verify.mock.calls.length;

test("a token says who, until when, and with which key it was signed", async () => {
  const { tokens } = makeTokens();
  const { token, claims } = await tokens.issue(SUBJECT);
  expect(claims).toEqual({ ...SUBJECT, expiresAt: "2026-11-21T08:15:00.000Z" });
  expect(jose.decodeProtectedHeader(token)).toEqual({
    alg: "EdDSA",
    typ: "JWT",
    kid: expect.stringMatching(/^[\w-]{16}$/),
  });
  expect(jose.decodeJwt(token)).toEqual(PAYLOAD);
  expect(await tokens.verify(token)).toEqual({ claims });
});

test("staff may belong to no organization", async () => {
  const { tokens } = makeTokens();
  const staff = { ...SUBJECT, role: "ADMIN", organizationId: null } as const;
  const { token, claims } = await tokens.issue(staff);
  expect(claims).toMatchObject(staff);
  expect(await tokens.verify(token)).toEqual({ claims });
});

test("a token does not outlive its session, whose end it says in whole seconds", async () => {
  const { tokens, clock } = makeTokens();
  const { token, claims } = await tokens.issue({ ...SUBJECT, sessionExpiresAt: "2026-11-21T08:10:00.999999Z" });
  const end = "2026-11-21T08:10:00.000Z";
  expect(claims).toMatchObject({ expiresAt: end, sessionExpiresAt: end });
  expect(await tokens.verify(token)).toEqual({ claims });
  clock.at = Date.parse(end);
  expect(await tokens.verify(token)).toEqual({ reason: "expired" });
});

test("a token of the release before, which does not say when the session ends, counts too", async () => {
  const { tokens, privateKey } = makeTokens();
  const { session_exp: _, ...before } = PAYLOAD;
  expect(await tokens.verify(await sign(before, createPrivateKey(privateKey)))).toEqual({
    claims: { ...SUBJECT, expiresAt: "2026-11-21T08:15:00.000Z" },
  });
});

test("a token is verified once, remembered until its last second, and expired from then on", async () => {
  const { tokens, clock } = makeTokens();
  const { token, claims } = await tokens.issue(SUBJECT);
  const before = verifications();
  for (let i = 0; i < 5; i++) await tokens.verify(token);
  clock.at = Date.parse(claims.expiresAt) - 1;
  expect(await tokens.verify(token)).toHaveProperty("claims");
  expect(verifications() - before).toBe(1);

  clock.at = Date.parse(claims.expiresAt);
  expect(await tokens.verify(token)).toEqual({ reason: "expired" });
  expect(verifications() - before).toBe(1);
  // It is forgotten now; the signature's own date says the same.
  expect(await tokens.verify(token)).toEqual({ reason: "expired" });
  expect(verifications() - before).toBe(2);
});

test("bad tokens are not remembered", async () => {
  const { tokens } = makeTokens();
  const { token } = await makeTokens().tokens.issue(SUBJECT);
  const before = verifications();
  await tokens.verify(token);
  await tokens.verify(token);
  expect(verifications() - before).toBe(2);
});

test("replicas with the same key accept each other's tokens", async () => {
  const { tokens, privateKey, clock } = makeTokens();
  const { token } = await tokens.issue(SUBJECT);
  expect(await createTokens({ privateKey, clock, cache }).verify(token)).toHaveProperty("claims.userId", "42");
});

test("a token of another key is invalid, even when it has also expired", async () => {
  const { tokens, clock } = makeTokens();
  const { token } = await makeTokens().tokens.issue(SUBJECT);
  expect(await tokens.verify(token)).toEqual({ reason: "invalid" });
  clock.at += 60 * 60 * 1000;
  expect(await tokens.verify(token)).toEqual({ reason: "invalid" });
});

test("a tampered token is invalid, whichever part was changed, remembered or not", async () => {
  const { tokens } = makeTokens();
  const { token } = await tokens.issue(SUBJECT);
  await tokens.verify(token);
  const [header, payload, signature] = token.split(".") as [string, string, string];
  const claims = jose.decodeJwt(token);
  const swapped = (text: string) => `${text[0] === "A" ? "B" : "A"}${text.slice(1)}`;
  for (const forged of [
    `${header}.${encode({ ...claims, role: "ADMIN" })}.${signature}`,
    `${header}.${payload}.${swapped(signature)}`,
    `${encode({ alg: "EdDSA", typ: "JWT", kid: "other" })}.${payload}.${signature}`,
    `${header}.${payload}.`,
    `${header}.${payload}`,
    `${token}A`,
    `${token}.${signature}`,
    "",
    "..",
    "not a token",
  ]) {
    expect(await tokens.verify(forged), forged).toEqual({ reason: "invalid" });
  }
});

test("only EdDSA counts: neither `none`, nor a MAC with the public key, nor our key by another name", async () => {
  const { tokens, privateKey } = makeTokens();
  const publicPem = createPublicKey(privateKey).export({ type: "spki", format: "pem" }) as string;
  const none = (alg: string) => `${encode({ alg, typ: "JWT" })}.${encode(PAYLOAD)}.`;
  for (const forged of [
    none("none"),
    none("None"),
    none("EdDSA"),
    await sign(PAYLOAD, createPrivateKey(privateKey), "Ed25519"),
    await sign(PAYLOAD, Buffer.from(publicPem), "HS256"),
    await sign(PAYLOAD, generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey, "ES256"),
  ]) {
    expect(await tokens.verify(forged)).toEqual({ reason: "invalid" });
  }
});

test("what our key signed for something else is invalid", async () => {
  const { tokens, privateKey } = makeTokens();
  const key = createPrivateKey(privateKey);
  expect(await tokens.verify(await sign(PAYLOAD, key))).toHaveProperty("claims");
  const { exp: _exp, ...endless } = PAYLOAD;
  const { org: _org, ...unplaced } = PAYLOAD;
  for (const payload of [
    { ...PAYLOAD, iss: "other" },
    { ...PAYLOAD, aud: "other" },
    { ...PAYLOAD, role: "GOD" },
    { ...PAYLOAD, sid: "1" },
    { ...PAYLOAD, sub: undefined },
    { ...PAYLOAD, sub: "ada" },
    { ...PAYLOAD, sub: "042" },
    { ...PAYLOAD, sub: "9223372036854775808" },
    { ...PAYLOAD, org: "7 or 1" },
    { ...PAYLOAD, nbf: PAYLOAD.iat! + 1 },
    { ...PAYLOAD, iat: PAYLOAD.iat! + 61, exp: PAYLOAD.exp! + 61 },
    { ...PAYLOAD, exp: PAYLOAD.exp! + 1 },
    { ...PAYLOAD, exp: PAYLOAD.exp! - 0.5 },
    { ...PAYLOAD, iat: undefined },
    { ...PAYLOAD, session_exp: "never" },
    endless,
    unplaced,
  ]) {
    expect(await tokens.verify(await sign(payload, key)), JSON.stringify(payload)).toEqual({ reason: "invalid" });
  }
  expect(await tokens.verify(await sign(PAYLOAD, key, "EdDSA", "refresh+jwt"))).toEqual({ reason: "invalid" });
});

test("the clock of the replica that issued a token may be a minute ahead", async () => {
  const { tokens, privateKey } = makeTokens();
  const ahead = { ...PAYLOAD, iat: PAYLOAD.iat! + 60, exp: PAYLOAD.exp! + 60 };
  expect(await tokens.verify(await sign(ahead, createPrivateKey(privateKey)))).toHaveProperty("claims");
});

test("a token has one spelling", async () => {
  const { tokens } = makeTokens();
  const { token } = await tokens.issue(SUBJECT);
  const [header, payload, signature] = token.split(".") as [string, string, string];
  // Two base64url characters, the second with four free bits, hold one byte.
  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const last = ALPHABET.indexOf(signature.at(-1)!);
  const others = Array.from({ length: 15 }, (_, bits) => signature.slice(0, -1) + ALPHABET[last + bits + 1]);
  const bytes = Buffer.from(signature, "base64url");
  for (const other of others) expect(Buffer.from(other, "base64url")).toEqual(bytes);
  for (const spelled of [
    ...others.map((other) => `${header}.${payload}.${other}`),
    `${token}=`,
    `${token}==`,
    `${header}=.${payload}.${signature}`,
    `${header}.${payload}.${bytes.toString("base64")}`,
  ]) {
    expect(await tokens.verify(spelled), spelled).toEqual({ reason: "invalid" });
  }
});

test("a token over 4 KiB is refused without a look at it", async () => {
  const { tokens, privateKey } = makeTokens();
  const before = verifications();
  const long = await sign({ ...PAYLOAD, email: "a".repeat(4096) }, createPrivateKey(privateKey));
  expect(await tokens.verify(long)).toEqual({ reason: "invalid" });
  expect(verifications()).toBe(before);
});

test("only an Ed25519 key signs", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" });
  const clock = { now: () => new Date() };
  expect(() => createTokens({ privateKey: rsa as string, clock, cache })).toThrow("must be an Ed25519 key");
  expect(() => createTokens({ privateKey: newKey(), clock, cache })).not.toThrow();
});
