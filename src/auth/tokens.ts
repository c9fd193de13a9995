/** Access tokens: they are signed, verified, and then remembered, because verification is the dearest step of a request. */
import { createPrivateKey, createPublicKey, hash } from "node:crypto";
import { errors, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import type { Cache } from "../cache.js";
import { isId } from "../values/id.js";
import type { UserActor } from "./actor.js";
import { ROLES } from "./permissions.js";

export const ACCESS_TOKEN_SECONDS = 15 * 60;
/** How long a session lives without a refresh, and how long at most. */
export const SESSION_IDLE_SECONDS = 7 * 24 * 60 * 60;
export const SESSION_MAX_SECONDS = 30 * 24 * 60 * 60;

const ALGORITHM = "EdDSA";
const NAME = "postern";
const MAX_TOKEN_CHARACTERS = 4096;
/** The memory that remembered claims and their key take, in bytes. */
const CLAIMS_WEIGHT = 1000;
/** The clocks of replicas may differ by this much. */
const MAX_CLOCK_SKEW_SECONDS = 60;

/** Whom a token stands for. */
export type TokenSubject = Readonly<Omit<UserActor, "kind" | "expiresAt">>;

/** The claims of a good token; moments are RFC 3339. */
type TokenClaims = TokenSubject & Pick<UserActor, "expiresAt">;

export type TokenVerification = { readonly claims: TokenClaims } | { readonly reason: "expired" | "invalid" };

const id = z.string().refine(isId);

const Payload = z.object({
  sub: id,
  sid: z.uuid(),
  role: z.enum(ROLES),
  org: id.nullable(),
  email: z.string(),
  iat: z.int(),
  exp: z.int(),
  // Replicas of the release before, which run beside this one during an update, do not say when the session ends.
  session_exp: z.int().optional(),
});

const momentOf = (seconds: number) => new Date(seconds * 1000).toISOString();

/**
 * @returns whether the token is written as `issue` writes it
 *
 * base64url has several spellings of most bytes, of which the signature proves only the bytes: the 64 bytes of a signature leave four bits
 * of the last character free. One token would have many texts, and whoever looks for a leaked one would not find the others.
 */
const isCanonical = (token: string): boolean =>
  token.split(".").every((part) => Buffer.from(part, "base64url").toString("base64url") === part);

interface TokensOptions {
  /** Ed25519, PKCS#8, PEM. */
  readonly privateKey: string;
  readonly clock: { now(): Date };
  readonly cache: Cache;
  readonly lifetimeSeconds?: number;
}

export type Tokens = ReturnType<typeof createTokens>;

/** @throws Error, for people to read, when the key is not an Ed25519 key */
export function createTokens({ privateKey: pem, clock, cache, lifetimeSeconds = ACCESS_TOKEN_SECONDS }: TokensOptions) {
  const privateKey = createPrivateKey(pem);
  if (privateKey.asymmetricKeyType !== "ed25519")
    throw new Error("The key that signs access tokens must be an Ed25519 key.");
  const publicKey = createPublicKey(privateKey);
  const kid = hash("sha256", publicKey.export({ type: "spki", format: "der" }), "base64url").slice(0, 16);
  const remembered = cache.region<TokenClaims>();

  async function verifySignature(token: string, key: string, currentDate: Date): Promise<TokenVerification> {
    if (!isCanonical(token)) return { reason: "invalid" };
    try {
      const { payload } = await jwtVerify(token, publicKey, {
        algorithms: [ALGORITHM],
        issuer: NAME,
        audience: NAME,
        typ: "JWT",
        currentDate,
      });
      const { sub, sid, role, org, email, iat, exp, session_exp = iat + SESSION_IDLE_SECONDS } = Payload.parse(payload);
      const latest = currentDate.getTime() / 1000 + MAX_CLOCK_SKEW_SECONDS;
      if (iat > latest || exp - iat > lifetimeSeconds) return { reason: "invalid" };
      const claims: TokenClaims = Object.freeze({
        userId: sub,
        sessionId: sid,
        role,
        organizationId: org,
        email,
        expiresAt: momentOf(exp),
        sessionExpiresAt: momentOf(session_exp),
      });
      remembered.set(claims.userId, key, claims, CLAIMS_WEIGHT);
      return { claims };
    } catch (error) {
      return { reason: error instanceof errors.JWTExpired ? "expired" : "invalid" };
    }
  }

  return {
    /**
     * Makes the same token for the same arguments. It does not outlive its session.
     * @returns the token and its claims, whose moments are whole seconds
     */
    async issue(
      subject: TokenSubject,
      issuedAtMs = clock.now().getTime(),
    ): Promise<{ token: string; claims: TokenClaims }> {
      const iat = Math.floor(issuedAtMs / 1000);
      const session_exp = Math.floor(Date.parse(subject.sessionExpiresAt) / 1000);
      const exp = Math.min(iat + lifetimeSeconds, session_exp);
      const { userId, sessionId, role, organizationId, email } = subject;
      const token = await new SignJWT({ sid: sessionId, role, org: organizationId, email, session_exp })
        .setProtectedHeader({ alg: ALGORITHM, typ: "JWT", kid })
        .setIssuer(NAME)
        .setAudience(NAME)
        .setSubject(userId)
        .setIssuedAt(iat)
        .setExpirationTime(exp)
        .sign(privateKey);
      return { token, claims: { ...subject, expiresAt: momentOf(exp), sessionExpiresAt: momentOf(session_exp) } };
    },

    /** Answers at once where the token is remembered, and never throws. `expired` means that the token was good before. */
    verify(token: string): TokenVerification | Promise<TokenVerification> {
      if (token.length > MAX_TOKEN_CHARACTERS) return { reason: "invalid" };
      const key = hash("sha256", token, "base64");
      const claims = remembered.get(key);
      const now = clock.now();
      if (!claims) return verifySignature(token, key, now);
      if (Date.parse(claims.expiresAt) > now.getTime()) return { claims };
      remembered.delete(key);
      return { reason: "expired" };
    },
  };
}
