/** The first door: it turns a request's credentials into an actor. */
import type { Actor, AnonymousActor } from "./actor.js";
import { TENANT_ROLES } from "./permissions.js";
import type { Tokens, TokenVerification } from "./tokens.js";

interface AuthenticateOptions {
  readonly tokens: Pick<Tokens, "verify">;
  /** Whether a session has ended before its access token has. */
  readonly isRevoked: (sessionId: string) => boolean;
  readonly clock: { now(): Date };
}

/** Reads one kind of credentials. It answers undefined where the header holds another kind. */
type Strategy = (authorizationHeader: string) => Actor | undefined | Promise<Actor | undefined>;

const ANONYMOUS: AnonymousActor = { kind: "anonymous" };
const anonymous = (reason: string): AnonymousActor => ({ kind: "anonymous", reason });

const REASONS = {
  expired: anonymous("Your access token has expired: call refreshSession or sign in again."),
  invalid: anonymous("Your access token is not valid: sign in again."),
  revoked: anonymous("Your session has ended: sign in again."),
  withoutOrganization: anonymous(
    "Your account belongs to no organization: ask an administrator to assign one, then sign in again.",
  ),
  malformed: anonymous("The Authorization header is malformed: send `Authorization: Bearer <access token>`."),
} as const;

const NAME = "authorization";
/** A header that was sent twice has a comma, which no token has. */
const BEARER = /^bearer +([\w.~+/-]+=*) *$/i;

function bearerToken({ tokens, isRevoked }: AuthenticateOptions): Strategy {
  function actorOf(verified: TokenVerification): Actor {
    if ("reason" in verified) return REASONS[verified.reason];
    const { claims } = verified;
    if (isRevoked(claims.sessionId)) return REASONS.revoked;
    if (TENANT_ROLES.has(claims.role) && claims.organizationId === null) return REASONS.withoutOrganization;
    return { kind: "user", ...claims };
  }
  return (header) => {
    const token = BEARER.exec(header)?.[1];
    if (token === undefined) return undefined;
    const verified = tokens.verify(token);
    return "then" in verified ? verified.then(actorOf) : actorOf(verified);
  };
}

/** @returns what all headers of this name say together. Of two, Node would show the first and forget the other. */
export function authorizationHeaderOf(rawHeaders: readonly string[]): string | undefined {
  let together: string | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    if (name.length !== NAME.length || name.toLowerCase() !== NAME) continue;
    together = together === undefined ? rawHeaders[at + 1] : `${together}, ${rawHeaders[at + 1]}`;
  }
  return together;
}

export type Authentication = ReturnType<typeof createAuthentication>;

export function createAuthentication(options: AuthenticateOptions) {
  const { isRevoked, clock } = options;
  const strategies: readonly Strategy[] = [bearerToken(options)];

  return {
    /** Turns an Authorization header into an actor. Bad credentials make an anonymous one, whose `reason` tells the client what to do. */
    async authenticate(authorizationHeader: string | undefined): Promise<Actor> {
      if (authorizationHeader === undefined) return ANONYMOUS;
      for (const strategy of strategies) {
        const actor = await strategy(authorizationHeader);
        if (actor) return actor;
      }
      return REASONS.malformed;
    },

    /** @returns why an actor is signed in no more, so that a request that takes long does not outlive its session; else undefined */
    signedOut(actor: Actor): string | undefined {
      if (actor.kind !== "user") return undefined;
      if (isRevoked(actor.sessionId)) return REASONS.revoked.reason;
      return Date.parse(actor.expiresAt) <= clock.now().getTime() ? REASONS.expired.reason : undefined;
    },
  };
}
