/** The statements of records that belong to no change. */
import { getTableColumns, type SQL, sql } from "drizzle-orm";
import type { Db } from "../db/client.js";
import { columnIdentifiers, recordsetColumns, toStatementText } from "../db/dialect.js";
import { auditLogs, installations, securityEvents } from "./audit.table.js";

const TABLES = { auditLogs, securityEvents };
export type RecordTable = keyof typeof TABLES;

/** The rows of each table as JSON objects, by column property. */
export type RecordRows = Readonly<Record<RecordTable, readonly string[]>>;

/** @returns an insert that skips records that are there already, which their `recordId` shows */
function insertOf(name: RecordTable, rows: SQL): SQL {
  const { id, ...others } = getTableColumns(TABLES[name]);
  const columns = Object.values(others);
  return sql`insert into ${TABLES[name]} (${columnIdentifiers(columns)})
    select given.* from json_to_recordset(${rows}::text::json) as given(${recordsetColumns(columns)}) on conflict do nothing`;
}

const { sql: text } = toStatementText(
  sql`with audited as (${insertOf("auditLogs", sql`${""}`)}), noted as (${insertOf("securityEvents", sql`${""}`)}) select 1`,
);

/** Writes all records or none. Without any it shows whether the database takes records. @throws TIMEOUT, UNAVAILABLE, and refused values */
export async function insertRecords(db: Db, rows: RecordRows): Promise<void> {
  await db.change(text, [`[${rows.auditLogs}]`, `[${rows.securityEvents}]`], true);
}

/** @returns the identity of this database */
export async function findInstallationOfRecords(db: Db): Promise<string> {
  const rows = await db.select({ id: installations.id }).from(installations);
  return rows[0]!.id;
}
