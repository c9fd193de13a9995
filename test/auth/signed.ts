/** A clock that stands still, a key, and tokens of any make, good and bad. */
import { generateKeyPairSync } from "node:crypto";
import { type JWTPayload, SignJWT } from "jose";
import { createTokens, type TokenSubject } from "../../src/auth/tokens.js";
import { createCache } from "../../src/cache.js";

export const newKey = () =>
  generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }) as string;

export const SUBJECT: TokenSubject = {
  userId: "42",
  sessionId: "1f0c3a52-6d2e-4f6b-9a57-0f6f8f3f1a11",
  role: "ANALYST",
  organizationId: "7",
  email: "ada@example.org",
  sessionExpiresAt: "2026-11-28T08:00:00.000Z",
};

export function makeTokens() {
  const clock = { at: Date.parse("2026-11-21T08:00:00Z"), now: () => new Date(clock.at) };
  const privateKey = newKey();
  return { clock, privateKey, tokens: createTokens({ privateKey, clock, cache: createCache(1_048_576) }) };
}

/** What a good token says at 2026-11-21T08:00:00Z. */
export const PAYLOAD: JWTPayload = {
  iss: "postern",
  aud: "postern",
  sub: "42",
  sid: SUBJECT.sessionId,
  role: "ANALYST",
  org: "7",
  email: "ada@example.org",
  iat: 1_795_248_000,
  exp: 1_795_248_900,
  session_exp: 1_795_852_800,
};

export const sign = (payload: JWTPayload, key: Parameters<SignJWT["sign"]>[0], alg = "EdDSA", typ = "JWT") =>
  new SignJWT(payload).setProtectedHeader({ alg, typ }).sign(key);

export const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString("base64url");
