/** The rows that generated queries meet, beside the demo's. */
import { specimens } from "../../specimens/index.js";
import type { TestApp } from "../../support/app.js";

/** Inserts the rows, and gives what the template seeded by the clock a fixed time. */
export async function insertData({ sql }: Pick<TestApp, "sql">): Promise<void> {
  await sql`update users set created_at = '2026-01-01T00:00:00Z' where email = 'root@postern.example'`;
  await sql`delete from security_events where created_at > '2026-06-01T00:00:00Z'`;
  for (const { generated } of specimens) await generated?.insert(sql);
}
