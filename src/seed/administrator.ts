/** Creates the first administrator where there is none. */
import { randomBytes } from "node:crypto";
import { eq, sql } from "drizzle-orm";
import { hashPassword, requireGoodPassword } from "../auth/passwords.js";
import type { Db } from "../db/client.js";
import { users } from "../modules/identity/users/users.table.js";

/** @returns a password of 24 characters and 120 bits that people can read aloud and type */
export function generatePassword(): string {
  const alphabet = "abcdefghijkmnpqrstuvwxyz23456789";
  const characters = [...randomBytes(24)].map((byte) => alphabet[byte % alphabet.length]);
  return characters.join("").replace(/(.{6})(?!$)/g, "$1-");
}

export interface SeededAccount {
  readonly email: string;
  readonly password: string;
  readonly generated: boolean;
}

/** The advisory lock of seeding, which lets one replica seed at a time. */
const LOCK = 7_239_402_332n;
export async function lockSeeds(db: Db): Promise<void> {
  await db.execute(sql`set local statement_timeout = 0`);
  await db.execute(sql`select pg_advisory_xact_lock(${LOCK})`);
}

/**
 * Creates an administrator unless one exists.
 * @param announce is called before the commit, so that a crash cannot lose a generated password
 */
export function ensureAdministrator(
  db: Db,
  admin: { readonly email: string; readonly password: string | undefined },
  announce: (account: SeededAccount) => void,
): Promise<void> {
  return db.transaction(async (db) => {
    await lockSeeds(db);
    const existing = await db.select({ id: users.id }).from(users).where(eq(users.role, "ADMIN")).limit(1);
    if (existing.length > 0) return;
    const password = admin.password ?? generatePassword();
    requireGoodPassword(password, "ADMIN_PASSWORD");
    const email = admin.email.toLowerCase();
    await db
      .insert(users)
      .values({ email, passwordHash: await hashPassword(password), role: "ADMIN", fullName: "Administrator" });
    announce({ email, password, generated: admin.password === undefined });
  });
}
