/** The statements of the rules that administrators have set. */
import { desc, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import { environmentRules } from "./environment-rules.table.js";

export type StoredEnvironmentRules = typeof environmentRules.$inferSelect;

/** @returns the newest version, or null before the first */
export async function findNewestEnvironmentRules(db: Db): Promise<StoredEnvironmentRules | null> {
  const rows = await db.select().from(environmentRules).orderBy(desc(environmentRules.version)).limit(1);
  return rows[0] ?? null;
}

/** Inserts the next version. The caller holds the lock of the classification. @returns the version */
export async function insertEnvironmentRules(
  db: Db,
  row: Omit<typeof environmentRules.$inferInsert, "id" | "version" | "createdAt">,
): Promise<number> {
  const version = sql`(select coalesce(max(version), 0) + 1 from ${environmentRules})`;
  const rows = await db
    .insert(environmentRules)
    // Of two transactions that wait for each other the first to begin may be the second to insert.
    .values({ ...row, version, createdAt: sql`clock_timestamp()` })
    .returning({ version: environmentRules.version });
  return rows[0]!.version;
}
