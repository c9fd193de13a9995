/** The statements of scheduled operations. All of them go by the database's clock, because that of this host may be wrong. */
import { asc, eq, type SQL, sql } from "drizzle-orm";
import type { Role } from "../../../auth/permissions.js";
import type { Db } from "../../../db/client.js";
import { users } from "../../identity/users/users.table.js";
import { operations } from "./operations.table.js";

/** @returns the time */
export async function findScheduledNow(db: Db): Promise<Date> {
  const rows = await db.execute(sql`select extract(epoch from clock_timestamp())::float8 * 1000 as ms`);
  return new Date((rows as unknown as { ms: number }[])[0]!.ms);
}

const isTooLate = (maxLatenessMinutes: number): SQL<boolean> =>
  sql<boolean>`(${operations.runAt} < now() - ${maxLatenessMinutes} * interval '1 minute')`;

/** Queues the operations whose time has come, in one statement: whoever else does so at the same moment finds nothing more to do. */
export async function queueScheduledOperations(db: Db, maxLatenessMinutes: number): Promise<void> {
  await db.execute(
    sql`update ${operations} set status = 'QUEUED'
      where ${operations.status} = 'SCHEDULED' and ${operations.runAt} <= now() and not ${isTooLate(maxLatenessMinutes)}`,
  );
}

/** @returns the operations that have not begun, and are too late */
export const listLateScheduledOperations = async (
  db: Db,
  maxLatenessMinutes: number,
): Promise<(typeof operations.$inferSelect)[]> =>
  db
    .select()
    .from(operations)
    .where(sql`${operations.status} in ('SCHEDULED', 'QUEUED') and ${isTooLate(maxLatenessMinutes)}`)
    .orderBy(asc(operations.runAt))
    .limit(500);

/** What decides whether an operation may still begin. */
interface ScheduledFacts {
  readonly isTooLate: boolean;
  /** Whether the account of whoever requested it still admits anybody. */
  readonly isActive: boolean;
  /** Their role now; null where the account is gone. */
  readonly role: Role | null;
}

/** @returns what decides whether an operation of a user may still begin */
export async function findScheduledFacts(
  db: Db,
  { id, userId }: { readonly id: bigint; readonly userId: string },
  maxLatenessMinutes: number,
): Promise<ScheduledFacts> {
  const rows = await db
    .select({
      isTooLate: sql<boolean>`coalesce(${isTooLate(maxLatenessMinutes)}, false)`,
      isActive: sql<boolean>`${users.lockedAt} is null and ${users.deactivatedAt} is null`,
      role: users.role,
    })
    .from(operations)
    .leftJoin(users, eq(users.id, BigInt(userId)))
    .where(eq(operations.id, id));
  return rows[0]!;
}
