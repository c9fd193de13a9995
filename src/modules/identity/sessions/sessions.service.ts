/** Signs users in, keeps them signed in, and signs them out. */
import { randomUUID } from "node:crypto";
import type { CallOrigin } from "../../../audit/call.js";
import type { RecordedEvent, SecurityService } from "../../../audit/index.js";
import { type Actor, accessOfActor, type UserActor } from "../../../auth/actor.js";
import { hashOfRefreshToken, newRefreshToken, successorOfRefreshToken } from "../../../auth/refresh-tokens.js";
import { SESSION_IDLE_SECONDS, SESSION_MAX_SECONDS, type Tokens } from "../../../auth/tokens.js";
import type { Db } from "../../../db/client.js";
import { internal, unauthenticated } from "../../../errors.js";
import type { Attempts } from "../../../rate-limits/index.js";
import { isMailbox } from "../../../values/mailbox.js";
import { endedEvent } from "./ended-event.js";
import type { PasswordAttempts } from "./password-attempts.service.js";
import { findPasswordAccountByEmail } from "./password-attempts.store.js";
import type { Revocations } from "./revocations.service.js";
import { revokedSessionIds, revokeNamedSessions, revokeSessionsOf } from "./revoking.store.js";
import {
  claimRefreshToken,
  findRefreshToken,
  findRenewal,
  insertSession,
  type SessionClient,
  type SessionUser,
} from "./sessions.store.js";

const MAX_USER_AGENT = 1000;
/** How long a used refresh token gets the same answer again, for a second tab or a client that lost the answer. */
const REPEATABLE_SECONDS = 10;

/** Names of OWASP's Logging Vocabulary. */
const LOGGED_IN = { eventType: "authn_login_success", eventStatus: "SUCCESS" } as const;
const LOGIN_FAILED = { eventType: "authn_login_fail", eventStatus: "FAILURE" } as const;
const TOKEN_REUSED = { eventType: "authn_token_reuse", eventStatus: "WARNING" } as const;
const RENEWED = { eventType: "session_renewed", eventStatus: "SUCCESS" } as const;

const WRONG_CREDENTIALS = "The e-mail address or the password is wrong. Check both and try again.";
const REFUSED_REFRESH = "This refresh token is not good, or not good any more: sign in again.";
const NOTHING_TO_END = "There is no session to end: send its access token, or give its refresh token.";

/** A session as its user sees it. */
export interface SessionsServiceView {
  readonly userId: string;
  readonly role: UserActor["role"];
  readonly organizationId: string | null;
  readonly permissions: readonly string[];
  /** RFC 3339. */
  readonly sessionExpiresAt: string;
}

/** The tokens of a session. They are handed out, and never stored. */
export interface SessionsCredentials {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** When the access token expires, RFC 3339. */
  readonly expiresAt: string;
  /** Null where a session is refreshed. */
  readonly deviceToken: string | null;
  readonly viewer: SessionsServiceView;
  readonly actor: UserActor;
}

const momentAfter = (ms: number, seconds = 0) => new Date(ms + seconds * 1000).toISOString();

const clientOf = ({ ipAddress, userAgent }: CallOrigin): SessionClient => ({
  ipAddress,
  userAgent: userAgent?.slice(0, MAX_USER_AGENT) ?? null,
});

interface SignIn {
  /** The canonical address. */
  readonly email: string;
  readonly password: string;
  readonly deviceToken?: string | null | undefined;
}

export interface SessionsDeps {
  readonly db: Db;
  readonly tokens: Pick<Tokens, "issue">;
  readonly revocations: Pick<Revocations, "add">;
  readonly attempts: Pick<Attempts, "take">;
  readonly attempt: PasswordAttempts;
  readonly clock: { now(): Date };
  readonly security: Pick<SecurityService, "record" | "recordNow">;
  /** The key that derives a refresh token from the one before; all replicas share it. */
  readonly refreshKey: string;
}

export type SessionsService = ReturnType<typeof createSessionsService>;

export function createSessionsService(deps: SessionsDeps) {
  const { db, tokens, revocations, attempts, attempt, clock, security, refreshKey } = deps;
  function viewOf(actor: UserActor): SessionsServiceView {
    const { userId, role, organizationId, sessionExpiresAt } = actor;
    return {
      userId,
      role,
      organizationId,
      permissions: [...accessOfActor(actor).permissions].sort(),
      sessionExpiresAt,
    };
  }

  async function issueCredentials(
    account: SessionUser,
    sessionId: string,
    refreshToken: string,
    renewedAtMs: number,
    sessionExpiresAt: string,
  ): Promise<SessionsCredentials> {
    const { userId, email, role, organizationId } = account;
    const subject = { userId, email, role, organizationId, sessionId, sessionExpiresAt };
    const { token, claims } = await tokens.issue(subject, renewedAtMs);
    const actor: UserActor = { kind: "user", ...claims };
    const { expiresAt } = claims;
    return { accessToken: token, refreshToken, expiresAt, deviceToken: null, viewer: viewOf(actor), actor };
  }

  /**
   * Records an attempt that opens nothing. Only a guess counts for the address: who goes on with an ended session keeps nobody else out.
   * @throws RATE_LIMITED for a guess
   */
  async function recordAttempt(event: RecordedEvent, isGuess: boolean): Promise<void> {
    if (isGuess) await attempts.take({}, event.origin);
    await security.recordNow(event);
  }

  function refuseTokens(sessionIds: readonly string[]): void {
    for (const id of sessionIds) revocations.add(id);
  }

  return {
    /** Opens a session. @throws UNAUTHENTICATED, the same whatever keeps the account closed; RATE_LIMITED */
    async signIn({ email, password, deviceToken }: SignIn, origin: CallOrigin): Promise<SessionsCredentials> {
      const find = () => findPasswordAccountByEmail(db, email);
      const metadata = { reason: "wrong_credentials", ...(isMailbox(email) && { email }) };
      const attempted = { find, email, password, deviceToken, refusal: { ...LOGIN_FAILED, metadata } };
      const opened = await attempt(attempted, origin, async () => async (db, { issueDeviceToken, ...passed }) => {
        const sessionId = randomUUID();
        const refreshToken = newRefreshToken();
        const nowMs = clock.now().getTime();
        const expiresAt = momentAfter(nowMs, SESSION_IDLE_SECONDS);
        const user = await insertSession(db, {
          ...passed,
          ...{ sessionId, refreshTokenHash: hashOfRefreshToken(refreshToken), expiresAt },
          endsAt: momentAfter(nowMs, SESSION_MAX_SECONDS),
          usedBy: clientOf(origin),
        });
        if (!user) throw internal(new Error("an account has changed while it was locked"));
        const { userId, endedIds } = user;
        const how = { reason: "too_many_sessions" };
        const ended = endedIds.map((sessionId) => ({ ...endedEvent({ sessionId, userId }, how), origin }));
        await security.record(db, { ...LOGGED_IN, userId, origin, metadata: { sessionId } }, ...ended);
        const credentials = await issueCredentials(user, sessionId, refreshToken, nowMs, expiresAt);
        return { credentials: { ...credentials, deviceToken: issueDeviceToken(passed.passwordHash) }, endedIds };
      });
      if (!opened) throw unauthenticated(WRONG_CREDENTIALS);
      refuseTokens(opened.endedIds);
      return opened.credentials;
    },

    /**
     * Exchanges a refresh token for new credentials (see `claimRefreshToken` for an example).
     * @throws UNAUTHENTICATED where the token does not work; one that comes back, or whose user is kept out, ends its session besides. RATE_LIMITED
     */
    async refresh({ refreshToken }: { refreshToken: string }, origin: CallOrigin): Promise<SessionsCredentials> {
      const usedHash = hashOfRefreshToken(refreshToken);
      const next = successorOfRefreshToken(refreshToken, refreshKey);
      const nowMs = clock.now().getTime();
      const rotation = {
        usedHash,
        nextHash: hashOfRefreshToken(next),
        now: momentAfter(nowMs),
        expiresAt: momentAfter(nowMs, SESSION_IDLE_SECONDS),
        usedBy: clientOf(origin),
      };
      const outcome = await db.transaction(
        async (
          db,
        ): Promise<SessionsCredentials | { ended: string[] } | { failed: RecordedEvent; isGuess: boolean }> => {
          const claimed = await claimRefreshToken(db, rotation);
          const renewal = claimed ?? (await findRenewal(db, rotation, REPEATABLE_SECONDS));
          if (renewal) {
            const { userId, sessionId, renewedAtMs, expiresAtMs } = renewal;
            const metadata = { sessionId, ...(!claimed && { repeated: true }) };
            await security.record(db, { ...RENEWED, userId, origin, metadata });
            return issueCredentials(renewal, sessionId, next, renewedAtMs, momentAfter(expiresAtMs));
          }
          const stored = await findRefreshToken(db, usedHash);
          const { userId = null, sessionId } = stored ?? {};
          if (stored && !stored.revoked && (stored.used || stored.keptOut)) {
            await revokeNamedSessions(db, { sessionId });
            const event = stored.used
              ? { ...TOKEN_REUSED, metadata: { sessionId } }
              : { ...LOGIN_FAILED, metadata: { reason: "account_kept_out", sessionId } };
            await security.record(db, { ...event, userId, origin });
            return { ended: [stored.sessionId] };
          }
          const reason = !stored
            ? "refresh_token_unknown"
            : stored.revoked
              ? "session_revoked"
              : "refresh_token_expired";
          const event = stored?.used ? TOKEN_REUSED : LOGIN_FAILED;
          return { failed: { ...event, userId, origin, metadata: { reason, sessionId } }, isGuess: !stored };
        },
      );
      if ("accessToken" in outcome) return outcome;
      if ("ended" in outcome) refuseTokens(outcome.ended);
      else await recordAttempt(outcome.failed, outcome.isGuess);
      throw unauthenticated(REFUSED_REFRESH);
    },

    /** Ends the actor's session and that of the refresh token, if they have not ended yet. @throws UNAUTHENTICATED where both are unknown */
    async signOut(
      actor: Actor,
      { refreshToken }: { refreshToken?: string | null | undefined },
      origin: CallOrigin,
    ): Promise<void> {
      const sessionId = actor.kind === "user" ? actor.sessionId : null;
      const tokenHash = refreshToken ? hashOfRefreshToken(refreshToken) : null;
      const named = await db.transaction(async (db) => {
        const named = await revokeNamedSessions(db, { sessionId, tokenHash });
        const events = named
          .filter(({ endedNow }) => endedNow)
          .map((session) => ({ ...endedEvent(session, { reason: "sign_out" }), origin }));
        if (events.length > 0) await security.record(db, ...events);
        return named.map(({ sessionId }) => sessionId);
      });
      if (named.length === 0 && sessionId === null) {
        const failed = { ...LOGIN_FAILED, origin, metadata: { reason: "sign_out_without_session" } };
        await recordAttempt(failed, tokenHash !== null);
        throw unauthenticated((actor.kind === "anonymous" && actor.reason) || NOTHING_TO_END);
      }
      refuseTokens(sessionId === null ? named : [...named, sessionId]);
    },

    /** @returns the actor's session, or null for an actor without one */
    viewer: (actor: Actor): SessionsServiceView | null => (actor.kind === "user" ? viewOf(actor) : null),

    /**
     * Ends every session of users who are deleted, or whose role, organization, address or password changes. `db` is the transaction of
     * that change, and has locked the users' rows. Call `refuseTokens` with the answer after the commit.
     */
    endSessions: async (db: Db, userIds: readonly string[]): Promise<string[]> =>
      revokedSessionIds(await revokeSessionsOf(db, userIds)),

    /** Refuses the access tokens of these sessions from now on. */
    refuseTokens,
  };
}
