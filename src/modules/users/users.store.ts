/** The statements of users beyond those that every type has. */
import { and, eq, ne, sql } from "drizzle-orm";
import type { Db } from "../../db/client.js";
import { fromPostgres } from "../../db/postgres-errors.js";
import { users } from "../../db/tables/index.js";

/** The parts of a user that its rules look at. */
export async function findUser(db: Db, id: string) {
  const rows = await db
    .select({ role: users.role, organizationId: users.organizationId, version: users.version })
    .from(users)
    .where(eq(users.id, BigInt(id)))
    .for("update")
    .catch((error) => Promise.reject(fromPostgres(error)));
  return rows[0] ?? null;
}

/** Locks the other administrators, so that of two who would leave none behind one waits for the other. */
export async function listOtherAdministrators(db: Db, id: string): Promise<bigint[]> {
  const rows = await db
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.role, sql`'ADMIN'`), ne(users.id, BigInt(id))))
    .orderBy(users.id)
    .for("update")
    .catch((error) => Promise.reject(fromPostgres(error)));
  return rows.map((row) => row.id);
}
