/** The statements of users that other types do not have. */
import { eq, inArray, or, sql } from "drizzle-orm";
import type { Role } from "../../../auth/permissions.js";
import type { Db } from "../../../db/client.js";
import { lockouts } from "./lockouts.table.js";
import { users } from "./users.table.js";

/** The columns of a user that the rules need; ids are decimal text. */
export interface UserRow {
  readonly id: string;
  readonly email: string;
  readonly fullName: string | null;
  readonly role: Role;
  readonly organizationId: string | null;
  readonly version: number;
  readonly isLocked: boolean;
  readonly isDeactivated: boolean;
  readonly hasPassword: boolean;
}

/**
 * Locks the users with these ids, and all administrators, in the order of their keys. So two changes that together would remove the
 * last administrators wait for each other.
 */
export async function listUsersWithAdministrators(db: Db, ids: readonly string[]): Promise<UserRow[]> {
  const rows = await db
    .select({
      id: users.id,
      email: users.email,
      fullName: users.fullName,
      role: users.role,
      organizationId: users.organizationId,
      version: users.version,
      isLocked: sql<boolean>`${users.lockedAt} is not null`,
      isDeactivated: sql<boolean>`${users.deactivatedAt} is not null`,
      hasPassword: sql<boolean>`${users.passwordHash} is not null`,
    })
    .from(users)
    .where(or(inArray(users.id, ids.map(BigInt)), sql`${users.role} = 'ADMIN'`))
    .orderBy(users.id)
    .for("update");
  return rows.map((row) => ({ ...row, id: `${row.id}`, organizationId: row.organizationId?.toString() ?? null }));
}

/** The column of each state that keeps a user out. */
const COLUMN_OF = { locked: "lockedAt", deactivated: "deactivatedAt" } as const;
export type UserState = keyof typeof COLUMN_OF;

/** Puts a user into a state from now on, or ends the state. */
export async function updateUserState(db: Db, id: string, state: UserState, begins: boolean): Promise<void> {
  await db
    .update(users)
    .set({
      [COLUMN_OF[state]]: begins ? sql`now()` : null,
      version: sql`${users.version} + 1`,
      updatedAt: sql`now()`,
    })
    .where(eq(users.id, BigInt(id)));
}

/** Forgets the failures of a user, and ends a lock that came of them. @returns whether there were any */
export async function deleteLockout(db: Db, id: string): Promise<boolean> {
  const deleted = await db
    .delete(lockouts)
    .where(eq(lockouts.userId, BigInt(id)))
    .returning({ hadAny: sql<boolean>`${lockouts.failures} > 0 or ${lockouts.lockedUntil} is not null` });
  return deleted[0]?.hadAny ?? false;
}
