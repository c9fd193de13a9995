/** The table of bulk operations: requests of one operation on each of many instances. */
import { sql } from "drizzle-orm";
import { type AnyPgColumn, boolean, index, jsonb, pgEnum, pgTable, varchar } from "drizzle-orm/pg-core";
import { id, moment, reference } from "../../../db/columns.js";
import { operationType } from "./operation-type.table.js";

export const bulkOperationStatus = pgEnum("bulk_operation_status", ["RUNNING", "ENDED"]);

/** Its instances are fixed when it is requested: each is one of its parts. */
export const bulkOperations = pgTable(
  "bulk_operations",
  {
    id: id(),
    type: operationType().notNull(),
    /** The filter that selected its instances, as a client sends one; null where it repeats the failed parts of another. */
    filter: jsonb(),
    /** What was asked, as the type's own input. */
    input: jsonb().notNull(),
    stopAtFirstFailure: boolean().notNull(),
    status: bulkOperationStatus().notNull().default("RUNNING"),
    /** The bulk operation whose failed parts it repeats. */
    retryOf: reference().references((): AnyPgColumn => bulkOperations.id),
    requestedBy: jsonb().notNull(),
    requestId: varchar({ length: 36 }),
    requestedAt: moment().notNull().defaultNow(),
    /** When its last part had ended. */
    endedAt: moment(),
  },
  (t) => [
    index("bulk_operations_requested_at_idx").on(t.requestedAt.desc(), t.id.desc()),
    index("bulk_operations_retry_of_idx").on(t.retryOf).where(sql`${t.retryOf} is not null`),
    // What is looked for every few seconds, however much has ended.
    index("bulk_operations_running_idx").on(t.id).where(sql`${t.status} = 'RUNNING'`),
  ],
);

/** Whether a bulk operation `b` is to stop, because one of its parts has failed. */
export const mustBulkStop = sql`(b.stop_at_first_failure and (
  exists (select from operations o where o.bulk_operation_id = b.id and o.status in ('FAILED', 'TIMED_OUT'))
  or exists (select from bulk_operation_parts p where p.bulk_operation_id = b.id and p.status = 'FAILED')))`;
