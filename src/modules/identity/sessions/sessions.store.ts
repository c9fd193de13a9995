/** The statements of sessions and refresh tokens. */
import { type SQL, sql } from "drizzle-orm";
import type { Role } from "../../../auth/permissions.js";
import type { Db } from "../../../db/client.js";
import { purge } from "../../../db/purge.js";
import { sessions } from "./sessions.table.js";

/** A user as access tokens describe one; ids are decimal text. */
export interface SessionUser {
  readonly userId: string;
  readonly email: string;
  readonly role: Role;
  readonly organizationId: string | null;
}

const ACCOUNT = sql.raw(`u.id as "userId", u.email, u.role, u.organization_id as "organizationId"`);

async function rows<T extends object>(db: Db, statement: SQL): Promise<T[]> {
  const result = await db.execute(statement);
  return [...result] as unknown as T[];
}

interface NewSession {
  readonly sessionId: string;
  readonly userId: string;
  /** The hash that the password was compared with. */
  readonly passwordHash: string;
  readonly refreshTokenHash: string;
  /** When session and refresh token expire, and when the session ends however often it is refreshed; RFC 3339. */
  readonly expiresAt: string;
  readonly endsAt: string;
  readonly usedBy: SessionClient;
}

/** The client that used a refresh token; the session keeps the latest. */
export interface SessionClient {
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
}

/** Sessions that a user has at a time, so that all of them can be ended at once. */
const MAX_SESSIONS = 100;
/** Users of the release before may have more. One sign-in ends at most so many. */
const MAX_EXCESS = 1000;

/** The account that has signed in, and the ids of sessions that ended for the new one. */
type OpenedSession = SessionUser & { readonly endedIds: readonly string[] };

/**
 * Opens a session with its first refresh token. Where a user has too many, those end that were not used for longest. The account is locked until the transaction ends, so that a later change of it finds
 * this session and ends it, and an earlier one is seen here.
 * @returns the account as it is now, or null where it was deleted, its password has changed meanwhile, or an officer keeps it out
 */
export async function insertSession(db: Db, session: NewSession): Promise<OpenedSession | null> {
  const { ipAddress, userAgent } = session.usedBy;
  const [account] = await rows<OpenedSession>(
    db,
    sql`
      with u as (
        select id, email, role, organization_id from users
        where id = ${session.userId}::bigint and password_hash = ${session.passwordHash}
          and locked_at is null and deactivated_at is null
        for share
      ), opened as (
        insert into sessions (id, user_id, expires_at, ends_at, ip_address, user_agent)
        select ${session.sessionId}::uuid, u.id, ${session.expiresAt}::timestamptz, ${session.endsAt}::timestamptz, ${ipAddress}, ${userAgent}
        from u
      ), issued as (
        insert into refresh_tokens (token_hash, session_id, expires_at)
        select ${session.refreshTokenHash}, ${session.sessionId}::uuid, ${session.expiresAt}::timestamptz from u
      ), excess as (
        select id from sessions where revoked_at is null and id in (
          select id from sessions where user_id = (select id from u) and revoked_at is null
          order by last_used_at desc, key desc offset ${MAX_SESSIONS - 1} limit ${MAX_EXCESS}
        )
        order by id for update
      ), ended as (
        update sessions set revoked_at = clock_timestamp() from excess where sessions.id = excess.id returning sessions.id
      )
      select ${ACCOUNT}, (select coalesce(json_agg(id), '[]') from ended) as "endedIds" from u`,
  );
  return account ?? null;
}

interface Rotation {
  readonly usedHash: string;
  readonly nextHash: string;
  /** RFC 3339. */
  readonly now: string;
  /** When the session and the next refresh token expire, unless the session ends before; RFC 3339. */
  readonly expiresAt: string;
  readonly usedBy: SessionClient;
}

/** The session that was renewed and its user. */
type Renewal = SessionUser & {
  readonly sessionId: string;
  /** Milliseconds since the epoch. */
  readonly renewedAtMs: number;
  /** When the session expires, in milliseconds since the epoch. */
  readonly expiresAtMs: number;
};

const RENEWAL = sql`s.id as "sessionId", ${ACCOUNT}`;
/** Sessions end with a lock or a deactivation, but a replica of the release before opens more. */
const MAY_SIGN_IN = sql.raw("u.locked_at is null and u.deactivated_at is null");
const USED_AT_MS = sql.raw(`(extract(epoch from used_at) * 1000)::float8 as "renewedAtMs"`);
const expiresAtMs = (moment: SQL) => sql`(extract(epoch from ${moment}) * 1000)::float8 as "expiresAtMs"`;

/**
 * Exchanges a good refresh token for the next one, and extends its session. Of concurrent callers, the UPDATE of `used_at` lets one
 * through. All statements lock the session first, so that they cannot deadlock.
 *
 * Example: the refresh token R1 was issued at sign-in, and R2 = HMAC(R1), R3 = HMAC(R2). Only their hashes are stored.
 *  1. Two tabs send R1 at once, to two replicas. One claims it: R1 is used, R2 is stored. The other finds that renewal
 *     (`findRenewal`). Both compute the same R2 and the same access token, so both tabs go on.
 *  2. A client loses the answer and sends R1 again within 10 seconds, from the same address and user agent: it gets R2 too.
 *  3. A tab sends R2: R2 is used, R3 is stored. If R1 comes now, from whomever, it is neither good nor a repetition, because its
 *     successor was used. It counts as stolen, and the session ends.
 *  4. A thief sends R1 from another address after step 1: no repetition either, and the session ends.
 * @returns the session and its account as it is now, or null where the token is not good
 */
export async function claimRefreshToken(db: Db, rotation: Rotation): Promise<Renewal | null> {
  const { usedHash, nextHash, now, expiresAt, usedBy } = rotation;
  const { ipAddress, userAgent } = usedBy;
  const [claim] = await rows<Renewal>(
    db,
    sql`
      with good as (
        select ${RENEWAL}, least(${expiresAt}::timestamptz, s.ends_at) as expires_at
        from refresh_tokens t join sessions s on s.id = t.session_id join users u on u.id = s.user_id
        where t.token_hash = ${usedHash} and t.used_at is null and t.expires_at > ${now}::timestamptz
          and s.ends_at > ${now}::timestamptz and s.revoked_at is null and ${MAY_SIGN_IN}
        for update of s
      ), claimed as (
        update refresh_tokens set used_at = ${now}::timestamptz from good
        where token_hash = ${usedHash} and used_at is null
        returning good.*, ${USED_AT_MS}
      ), extended as (
        update sessions
        set expires_at = claimed.expires_at, last_used_at = now(), ip_address = ${ipAddress}, user_agent = ${userAgent}
        from claimed where id = claimed."sessionId"
      ), issued as (
        insert into refresh_tokens (token_hash, session_id, expires_at)
        select ${nextHash}, claimed."sessionId", claimed.expires_at from claimed
      )
      select claimed.*, ${expiresAtMs(sql`expires_at`)} from claimed`,
  );
  return claim ?? null;
}

/**
 * Finds the renewal that a client repeats: the same client sends the token again within these seconds (by the clocks of replicas), and
 * its successor is still unused.
 * @returns the renewal with the account as it is now, or null where the call is not a repetition
 */
export async function findRenewal(db: Db, rotation: Rotation, seconds: number): Promise<Renewal | null> {
  const { usedHash, nextHash, now, usedBy } = rotation;
  const { ipAddress, userAgent } = usedBy;
  const [renewal] = await rows<Renewal>(
    db,
    sql`
      select ${RENEWAL}, ${USED_AT_MS}, ${expiresAtMs(sql`least(s.expires_at, s.ends_at)`)}
      from refresh_tokens t join sessions s on s.id = t.session_id join users u on u.id = s.user_id
      where t.token_hash = ${usedHash} and s.revoked_at is null and ${MAY_SIGN_IN}
        and abs(extract(epoch from t.used_at - ${now}::timestamptz)) <= ${seconds}
        and s.ip_address is not distinct from ${ipAddress} and s.user_agent is not distinct from ${userAgent}
        and exists (select from refresh_tokens where token_hash = ${nextHash} and used_at is null)`,
  );
  return renewal ?? null;
}

interface FoundRefreshToken {
  readonly sessionId: string;
  readonly userId: string | null;
  readonly used: boolean;
  readonly revoked: boolean;
  /** Whether an officer keeps the user out. */
  readonly keptOut: boolean;
}

/** @returns a refresh token whether it is good or not, or null where it is unknown */
export async function findRefreshToken(db: Db, tokenHash: string): Promise<FoundRefreshToken | null> {
  const [found] = await rows<FoundRefreshToken>(
    db,
    sql`
      select s.id as "sessionId", s.user_id as "userId", t.used_at is not null as used, s.revoked_at is not null as revoked,
        u.id is not null and not (${MAY_SIGN_IN}) as "keptOut"
      from refresh_tokens t join sessions s on s.id = t.session_id left join users u on u.id = s.user_id
      where t.token_hash = ${tokenHash}`,
  );
  return found ?? null;
}

/** Rows stay a day longer than any of their tokens lives, because replicas learn of revocations from them. */
export const deleteEndedSessions = (db: Db): Promise<void> =>
  purge(
    db,
    sessions,
    sql`${sessions.expiresAt} < now() - interval '1 day' or ${sessions.revokedAt} < now() - interval '1 day'`,
  );
