/** The statements of passwords. Those of an attempt have one text each, whether the account is there or not. */
import { eq, type SQL, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import { users } from "../users/users.table.js";
import type { Lockout } from "./lockout.js";

/** What a password is compared with. Nobody has this account, and no password is right for it. */
const NO_ACCOUNT: PasswordAccount = { userId: null, email: null, fullName: null, passwordHash: null };

/** An account, or none; ids are decimal text. */
export interface PasswordAccount {
  readonly userId: string | null;
  readonly email: string | null;
  readonly fullName: string | null;
  /** Null where the account has no password. */
  readonly passwordHash: string | null;
}

async function findAccount(db: Db, condition: SQL): Promise<PasswordAccount> {
  const [row] = await db
    .select({
      userId: sql<string>`${users.id}::text`,
      email: users.email,
      fullName: users.fullName,
      passwordHash: users.passwordHash,
    })
    .from(users)
    .where(condition);
  return row ?? NO_ACCOUNT;
}

/** @param email the canonical address */
export const findPasswordAccountByEmail = (db: Db, email: string) =>
  findAccount(db, sql`lower(${users.email}) = ${email}`);

export const findPasswordAccountById = (db: Db, id: string) => findAccount(db, sql`${users.id} = ${id}::bigint`);

/** An account as it is now, and what is counted for it. */
type LockedAccount = Lockout & {
  /** Whether its password is the one that was compared, and no officer keeps it out. */
  readonly isOpen: boolean;
};

const ms = (column: string) => sql.raw(`(extract(epoch from l.${column}) * 1000)::float8`);

/**
 * Locks an account and its lockout until the transaction ends. So attempts are judged one after another, whatever the replica; what an
 * officer changes before is seen here, and what an officer changes after ends the session that this attempt opens.
 * @returns null where there is no such account
 */
export async function lockPasswordAccount(
  db: Db,
  { userId, passwordHash }: Pick<PasswordAccount, "userId" | "passwordHash">,
): Promise<LockedAccount | null> {
  // An update that changes nothing also waits for a row that another transaction is inserting, and reads it.
  const rows = await db.execute(sql`
    with u as (
      select id, (password_hash = ${passwordHash} and locked_at is null and deactivated_at is null) is true as is_open
      from users where id = ${userId}::bigint
      for no key update
    ), l as (
      insert into lockouts as l (user_id) select id from u
      on conflict (user_id) do update set failures = l.failures
      returning failures, window_began_at, locks_in_a_row, locked_until
    )
    select u.is_open as "isOpen", l.failures, ${ms("window_began_at")} as "windowBeganAtMs",
      l.locks_in_a_row as "locksInARow", ${ms("locked_until")} as "lockedUntilMs"
    from u, l`);
  return ([...rows] as unknown as LockedAccount[])[0] ?? null;
}

const moment = (ms: number | null) => sql`${ms === null ? null : new Date(ms).toISOString()}::timestamptz`;

/** Keeps what is counted for an account. */
export async function updateLockout(db: Db, userId: string | null, lockout: Lockout): Promise<void> {
  await db.execute(sql`
    update lockouts set failures = ${lockout.failures}, window_began_at = ${moment(lockout.windowBeganAtMs)},
      locks_in_a_row = ${lockout.locksInARow}, locked_until = ${moment(lockout.lockedUntilMs)}
    where user_id = ${userId}::bigint`);
}

/** Gives a user another password. */
export async function updatePassword(db: Db, userId: string, passwordHash: string): Promise<void> {
  await db
    .update(users)
    .set({ passwordHash, version: sql`${users.version} + 1`, updatedAt: sql`now()` })
    .where(eq(users.id, BigInt(userId)));
}
