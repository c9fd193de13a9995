/** Creates the first administrator where there is none, and gives one back where all are lost. */
import { randomBytes } from "node:crypto";
import { and, eq, inArray, isNull, sql } from "drizzle-orm";
import { insertAuditLogs } from "../audit/audit.store.js";
import { requireGoodPassword } from "../auth/password-policy.js";
import { hashPassword } from "../auth/passwords.js";
import type { Db } from "../db/client.js";
import { LOCKS } from "../db/locks.js";
import { badUserInput } from "../errors.js";
import { LOG_REDACTED } from "../log.js";
import { sessions } from "../modules/identity/sessions/sessions.table.js";
import { lockouts } from "../modules/identity/users/lockouts.table.js";
import { users } from "../modules/identity/users/users.table.js";

/** @returns a password of 24 characters and 120 bits that people can read aloud and type */
function generatePassword(): string {
  const alphabet = "abcdefghijkmnpqrstuvwxyz23456789";
  const characters = [...randomBytes(24)].map((byte) => alphabet[byte % alphabet.length]);
  return characters.join("").replace(/(.{6})(?!$)/g, "$1-");
}

export interface SeededAccount {
  readonly email: string;
  readonly password: string;
  readonly generated: boolean;
}

export interface Seeding {
  /** Whether a password that is not configured is generated, so that `announce` can show it. */
  readonly generatePasswords: boolean;
  /** Is called before the commit, so that a crash cannot lose a generated password. */
  readonly announce: (account: SeededAccount) => void;
}

/** An account to seed, as far as it is configured. */
interface AccountToSeed {
  /** The canonical address. */
  readonly email: string;
  readonly password: string | undefined;
}

/**
 * @param variable the one that would configure the password
 * @returns the account with the configured password, or with a generated one
 * @throws BAD_USER_INPUT where none is configured and none may be generated, or where it is not a good one
 */
export async function accountToSeed(
  variable: "ADMIN_PASSWORD" | "DEMO_PASSWORD",
  { email, password }: AccountToSeed,
  { generatePasswords }: Pick<Seeding, "generatePasswords">,
): Promise<SeededAccount> {
  if (password !== undefined) {
    await requireGoodPassword(password, variable, { email });
    return { email, password, generated: false };
  }
  if (generatePasswords) return { email, password: generatePassword(), generated: true };
  throw badUserInput(
    variable,
    `A new account needs a password, and one that Postern generates would stay in production's log: set ${variable}_FILE ` +
      `to a file that holds 12 to 128 characters, or set ${variable} to them.`,
  );
}

/** The advisory lock of seeding, which lets one replica seed at a time. */
export async function lockSeeds(db: Db): Promise<void> {
  await db.execute(sql`set local statement_timeout = 0`);
  await db.execute(sql`select pg_advisory_xact_lock(${LOCKS.start})`);
}

/** Creates an administrator unless one exists. */
export function ensureAdministrator(db: Db, admin: AccountToSeed, seeding: Seeding): Promise<void> {
  return db.transaction(async (db) => {
    await lockSeeds(db);
    const existing = await db.select({ id: users.id }).from(users).where(eq(users.role, "ADMIN")).limit(1);
    if (existing.length > 0) return;
    const account = await accountToSeed("ADMIN_PASSWORD", admin, seeding);
    const { email } = account;
    const passwordHash = await hashPassword(account.password);
    await db.insert(users).values({ email, passwordHash, role: "ADMIN", fullName: "Administrator" });
    seeding.announce(account);
  });
}

/**
 * Makes the user with this address an administrator with this password, and ends the user's sessions, and whatever kept the user out;
 * creates the user where there is none. The audit log tells of it.
 */
export function restoreAdministrator(db: Db, admin: AccountToSeed, seeding: Seeding): Promise<void> {
  return db.transaction(async (db) => {
    await lockSeeds(db);
    const account = await accountToSeed("ADMIN_PASSWORD", admin, seeding);
    const { email } = account;
    const passwordHash = await hashPassword(account.password);
    const changes = { passwordHash, role: "ADMIN" as const, lockedAt: null, deactivatedAt: null };
    const [user] = await db
      .update(users)
      .set({ ...changes, version: sql`${users.version} + 1`, updatedAt: sql`now()` })
      .where(eq(sql`lower(${users.email})`, email))
      .returning({ id: users.id });
    const [created] = user
      ? []
      : await db
          .insert(users)
          .values({ email, ...changes })
          .returning({ id: users.id });
    const { id } = (user ?? created)!;
    await db.delete(lockouts).where(eq(lockouts.userId, id));
    // They are locked in the order of their ids, as by all who end sessions, so that nobody deadlocks with this.
    const living = db
      .select({ id: sessions.id })
      .from(sessions)
      .where(and(eq(sessions.userId, id), isNull(sessions.revokedAt)))
      .orderBy(sessions.id)
      .for("update");
    // Replicas that run poll for these moments, which are the database's at the write.
    const ended = await db
      .update(sessions)
      .set({ revokedAt: sql`clock_timestamp()` })
      .where(inArray(sessions.id, living))
      .returning({ id: sessions.id });
    await insertAuditLogs(db, [
      {
        actor: { type: "system", name: "create-admin" },
        action: user ? "user.update" : "user.create",
        resourceType: "user",
        resourceId: String(id),
        parameters: { email, role: "ADMIN", password: LOG_REDACTED },
        result: { endedSessions: ended.length },
        success: true,
      },
    ]);
    seeding.announce(account);
  });
}
