/** The statements that end sessions before their time. */
import { and, eq, inArray, isNotNull, type SQL, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import { users } from "../users/users.table.js";
import { sessions } from "./sessions.table.js";

/** The database's clock at the moment of the write, because replicas compare these moments, and a transaction may be long. */
const NOW = sql`clock_timestamp()`;

export interface RevokedSession {
  readonly sessionId: string;
  readonly userId: string | null;
  /** Whether this statement ended it, and not an earlier one. */
  readonly endedNow: boolean;
}

/**
 * Ends the sessions of a condition. They are locked in the order of their ids, so that two of these statements cannot deadlock.
 * @returns all of them, even those that had ended before
 */
async function revoke(db: Db, condition: SQL): Promise<RevokedSession[]> {
  const rows = await db.execute(sql`
    with named as (
      select id, user_id, revoked_at from sessions where ${condition} order by id for update
    ), ended as (
      update sessions set revoked_at = ${NOW} from named where sessions.id = named.id and named.revoked_at is null
    )
    select id as "sessionId", user_id as "userId", revoked_at is null as "endedNow" from named`);
  return [...rows] as unknown as RevokedSession[];
}

/** Ends the session with this id and the one with this refresh token. @returns those of them that exist */
export const revokeNamedSessions = (
  db: Db,
  { sessionId = null, tokenHash = null }: { sessionId?: string | null; tokenHash?: string | null },
): Promise<RevokedSession[]> =>
  revoke(
    db,
    sql`id = ${sessionId}::uuid or id = (select session_id from refresh_tokens where token_hash = ${tokenHash})`,
  );

/** Ends the session with this key. @param ownerId the only user whose session may end; anybody's where it is absent */
export async function revokeSessionWithKey(db: Db, key: string, ownerId?: string): Promise<RevokedSession | null> {
  const own = ownerId === undefined ? sql`` : sql` and user_id = ${ownerId}::bigint`;
  const [session] = await revoke(db, sql`key = ${key}::bigint${own}`);
  return session ?? null;
}

/**
 * Locks a user until the transaction ends, so that who signs in meanwhile opens a session after it, and a change of the account that ends
 * sessions waits.
 * @returns whether there is such a user
 */
export async function lockUserOfSessions(db: Db, userId: string): Promise<boolean> {
  const found = await db
    .select({ id: users.id })
    .from(users)
    .where(eq(users.id, BigInt(userId)))
    .for("no key update");
  return found.length > 0;
}

/** @returns whether the session was ended before its time */
export async function isSessionRevoked(db: Db, sessionId: string): Promise<boolean> {
  const found = await db
    .select({ id: sessions.id })
    .from(sessions)
    .where(and(eq(sessions.id, sessionId), isNotNull(sessions.revokedAt)));
  return found.length > 0;
}

/** Ends the living sessions of users, who are locked. @param exceptSessionId the one that goes on @returns those that this has ended */
export async function revokeSessionsOf(
  db: Db,
  userIds: readonly string[],
  exceptSessionId?: string,
): Promise<RevokedSession[]> {
  if (userIds.length === 0) return [];
  const others = exceptSessionId === undefined ? sql`` : sql` and id <> ${exceptSessionId}::uuid`;
  return revoke(db, sql`${inArray(sessions.userId, userIds.map(BigInt))} and revoked_at is null${others}`);
}

/** @returns the ids by which tokens name the sessions */
export const revokedSessionIds = (revoked: readonly RevokedSession[]): string[] =>
  revoked.map(({ sessionId }) => sessionId);
