/** Whether anything changed: one value for all rows of all tables. */
import type { TestApp } from "./app.js";

/** Where calls are counted, refused ones too, what discovery writes by the clock, and what only notes that other tables have changed. */
const LEFT_OUT = ["rate_limits", "discovery_runs", "scopes", "row_changes"];

/** Of the runs of discovery those that somebody has asked for, whatever has become of them since. */
const ASKED = `(select string_agg(id::text, ',' order by id) from discovery_runs where requested_by ->> 'type' <> 'system')`;

async function statementFor({ sql }: TestApp, but: readonly string[]): Promise<string> {
  const tables = await sql`
    select table_name as name from information_schema.tables where table_schema = 'public' order by 1`;
  const parts = tables
    .filter(({ name }) => !LEFT_OUT.includes(name) && !but.includes(name))
    .map(({ name }) => `(select coalesce(md5(string_agg(r::text, ',' order by r::text)), '-') from ${name} r)`);
  return `select concat_ws(' ', ${[...parts, ASKED].join(", ")}) as digest`;
}

/** @returns what digests all rows of all tables @param but tables that are left out */
export function digestOf(app: TestApp, but: readonly string[]): () => Promise<string> {
  let statement: Promise<string> | undefined;
  return async () => {
    statement ??= statementFor(app, but);
    return (await app.sql.unsafe(await statement))[0]?.digest;
  };
}
