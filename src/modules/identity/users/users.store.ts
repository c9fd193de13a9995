/** The statement of users that other types do not have. */
import { inArray, or, sql } from "drizzle-orm";
import type { Role } from "../../../auth/permissions.js";
import type { Db } from "../../../db/client.js";
import { users } from "./users.table.js";

/** The columns of a user that the rules need; ids are decimal text. */
export interface UserRow {
  readonly id: string;
  readonly email: string;
  readonly fullName: string | null;
  readonly role: Role;
  readonly organizationId: string | null;
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
    })
    .from(users)
    .where(or(inArray(users.id, ids.map(BigInt)), sql`${users.role} = 'ADMIN'`))
    .orderBy(users.id)
    .for("update");
  return rows.map((row) => ({ ...row, id: `${row.id}`, organizationId: row.organizationId?.toString() ?? null }));
}
