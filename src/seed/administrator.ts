/** The first administrator: created where there is none. */
import { randomBytes } from "node:crypto";
import { eq, sql } from "drizzle-orm";
import { hashPassword, requireGoodPassword } from "../auth/passwords.js";
import type { Db } from "../db/client.js";
import { users } from "../modules/identity/users/users.table.js";

/** A password that people can read aloud and type: 24 characters, 120 bits. */
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

/** Two replicas that start at once must not both find nothing. */
const LOCK = 7_239_402_332n;
export async function lockSeeds(db: Db): Promise<void> {
  await db.execute(sql`set local statement_timeout = 0`);
  await db.execute(sql`select pg_advisory_xact_lock(${LOCK})`);
}

/**
 * @param announce told before the account is there for good, so that a crash in between cannot lose a generated password
 */
export function ensureAdministrator(
  db: Db,
  wanted: { readonly email: string; readonly password: string | undefined },
  announce: (account: SeededAccount) => void,
): Promise<void> {
  return db.transaction(async (db) => {
    await lockSeeds(db);
    const found = await db.select({ id: users.id }).from(users).where(eq(users.role, "ADMIN")).limit(1);
    if (found.length > 0) return;
    const password = wanted.password ?? generatePassword();
    requireGoodPassword(password, "ADMIN_PASSWORD");
    const email = wanted.email.toLowerCase();
    await db
      .insert(users)
      .values({ email, passwordHash: await hashPassword(password), role: "ADMIN", fullName: "Administrator" });
    announce({ email, password, generated: wanted.password === undefined });
  });
}
