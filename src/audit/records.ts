/** Keeps records by themselves: audit records and security events that are written with no change. */
import { getTableColumns, type SQL, sql } from "drizzle-orm";
import type { Db } from "../db/client.js";
import { names, record, toText } from "../db/dialect.js";
import { auditLogs, installations, securityEvents } from "./audit.table.js";

const TABLES = { auditLogs, securityEvents };
export type RecordTable = keyof typeof TABLES;

/** Rows by table, each a JSON object of values by column property; `recordId` and the moment are among them. */
export type RecordRows = Readonly<Record<RecordTable, readonly string[]>>;

/** A record that is there already is left as it is. */
function inserted(name: RecordTable, rows: SQL): SQL {
  const { id, ...others } = getTableColumns(TABLES[name]);
  const columns = Object.values(others);
  return sql`insert into ${TABLES[name]} (${names(columns)})
    select given.* from json_to_recordset(${rows}::text::json) as given(${record(columns)}) on conflict do nothing`;
}

const { sql: text } = toText(
  sql`with audited as (${inserted("auditLogs", sql`${""}`)}), noted as (${inserted("securityEvents", sql`${""}`)}) select 1`,
);

/** Writes all of them or none, with one statement; none at all asks whether the database takes records. @throws TIMEOUT, UNAVAILABLE, and what isRefusedValue tells of */
export async function insertRecords(db: Db, rows: RecordRows): Promise<void> {
  await db.change(text, [`[${rows.auditLogs}]`, `[${rows.securityEvents}]`], true);
}

/** @returns which Postern this database belongs to */
export async function findInstallation(db: Db): Promise<string> {
  const rows = await db.select({ id: installations.id }).from(installations);
  return rows[0]!.id;
}
