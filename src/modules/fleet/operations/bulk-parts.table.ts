/** The table of the parts of bulk operations, each of one instance, and what their statuses and sums follow from. */
import { type SQL, sql } from "drizzle-orm";
import { type AnyPgColumn, index, integer, pgEnum, pgTable, text, uniqueIndex, varchar } from "drizzle-orm/pg-core";
import { id, moment, reference } from "../../../db/columns.js";
import { instances } from "../inventory/inventory.table.js";
import { bulkOperations } from "./bulk-operations.table.js";
import { operations } from "./operations.table.js";

export const BULK_PART_STATUSES = [
  "WAITING",
  "RUNNING",
  "SUCCEEDED",
  "FAILED",
  "TIMED_OUT",
  "CANCELLED",
  "REFUSED",
  "SKIPPED",
] as const;

export const bulkPartStatus = pgEnum("bulk_part_status", BULK_PART_STATUSES);

/** A part waits until there is room for its operation, unless it is refused or skipped before, or cannot be requested. From then on the operation says what becomes of it. */
export const bulkParts = pgTable(
  "bulk_operation_parts",
  {
    id: id(),
    bulkOperationId: reference()
      .notNull()
      .references(() => bulkOperations.id),
    instanceId: reference()
      .notNull()
      .references(() => instances.id),
    /** Without an operation: WAITING, REFUSED, SKIPPED or FAILED. It means nothing where there is one. */
    status: bulkPartStatus().notNull(),
    operationId: reference().references(() => operations.id),
    /** Why it has no operation, and waits for none. */
    code: varchar({ length: 64 }),
    message: text(),
    /** How often its operation could not be requested because of a fault, and when last. */
    tries: integer().notNull().default(0),
    triedAt: moment(),
  },
  (t) => [
    uniqueIndex("bulk_operation_parts_instance_key").on(t.bulkOperationId, t.instanceId),
    index("bulk_operation_parts_bulk_operation_idx").on(t.bulkOperationId, t.id.desc()),
    index("bulk_operation_parts_instance_idx").on(t.instanceId),
    index("bulk_operation_parts_waiting_idx")
      .on(t.bulkOperationId, t.id)
      .where(sql`${t.status} = 'WAITING' and ${t.operationId} is null`),
  ],
);

/** Whether a part waits for its operation to be requested. */
export const isWaiting = sql`(${bulkParts.status} = 'WAITING' and ${bulkParts.operationId} is null)`;

const statusFrom = (status: SQL, operationId: SQL): SQL =>
  sql`case when ${operationId} is null then ${status} else (
    select case when o.status in ('PENDING_APPROVAL', 'SCHEDULED', 'QUEUED') then 'WAITING' when o.status = 'EXPIRED' then 'FAILED'
      when o.status = 'REJECTED' then 'CANCELLED' else o.status::text end::bulk_part_status
    from operations o where o.id = ${operationId}) end`;

/** @param of names a column of the part, within a statement @returns its status: that of its operation, where it has one */
export const statusOfBulkPart = (of: (column: AnyPgColumn) => SQL): SQL =>
  statusFrom(of(bulkParts.status), of(bulkParts.operationId));

/** @param of names a column of the bulk operation, within a statement @returns how many of its parts have each status, as JSON */
export function summaryOfBulk(of: (column: AnyPgColumn) => SQL): SQL {
  const counts = BULK_PART_STATUSES.map((status) => {
    const key = status.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
    return sql.raw(`'${key}', count(*) filter (where s.status = '${status}')`);
  });
  return sql`(select jsonb_build_object('total', count(*), ${sql.join(counts, sql`, `)})
    from (select ${statusFrom(sql`p.status`, sql`p.operation_id`)} as status
      from bulk_operation_parts p where p.bulk_operation_id = ${of(bulkOperations.id)}) s)`;
}
