/** Operations that were requested of instances. */

import { sql } from "drizzle-orm";
import { boolean, doublePrecision, index, jsonb, pgEnum, pgTable, uniqueIndex, varchar } from "drizzle-orm/pg-core";
import { id, moment, reference } from "../../../db/columns.js";
import { OPERATION_STATUSES, OPERATION_TYPES } from "../../../values/operations.js";
import { instances, snapshots } from "../inventory/inventory.table.js";

export const operationType = pgEnum("operation_type", OPERATION_TYPES);

export const operationStatus = pgEnum("operation_status", OPERATION_STATUSES);

/** A requested change to an instance. The row is the truth; a job only says that somebody should look at it. */
export const operations = pgTable(
  "operations",
  {
    id: id(),
    type: operationType().notNull(),
    instanceId: reference()
      .notNull()
      .references(() => instances.id),
    parameters: jsonb().notNull(),
    status: operationStatus().notNull().default("QUEUED"),
    success: boolean(),
    resourceStatus: varchar({ length: 64 }),
    progress: jsonb().notNull().default([]),
    snapshotId: reference().references(() => snapshots.id),
    result: jsonb(),
    error: jsonb(),
    requestedBy: jsonb().notNull(),
    requestId: varchar({ length: 36 }),
    requestedAt: moment().notNull().defaultNow(),
    startedAt: moment(),
    /** Who runs it, and until when that is believed without a sign of life. */
    worker: varchar({ length: 36 }),
    leaseUntil: moment(),
    endedAt: moment(),
    durationSeconds: doublePrecision(),
    /** After TIMED_OUT: what became of the work in the background. */
    settledAt: moment(),
    settlement: jsonb(),
  },
  (t) => [
    index("operations_requested_at_idx").on(t.requestedAt.desc(), t.id.desc()),
    index("operations_instance_idx").on(t.instanceId, t.requestedAt.desc(), t.id.desc()),
    // One runs at a time on an instance, and one on its snapshots, whoever claims it.
    uniqueIndex("operations_one_running_key")
      .on(t.instanceId, sql`(${t.type} in ('CREATE_SNAPSHOT', 'REBOOT_INSTANCE', 'MODIFY_BACKUP_WINDOW'))`)
      .where(sql`${t.status} = 'RUNNING'`),
    index("operations_queued_idx").on(t.instanceId, t.id).where(sql`${t.status} = 'QUEUED'`),
    // The identifier of a snapshot is taken, in any case, as soon as an operation that may still make it is accepted.
    index("operations_snapshot_identifier_idx")
      .on(sql`lower(${t.parameters} ->> 'snapshotId')`)
      .where(sql`${t.type} = 'CREATE_SNAPSHOT'`),
    index("operations_restored_identifier_idx")
      .on(sql`lower(${t.parameters} ->> 'identifier')`)
      .where(sql`${t.parameters} ? 'identifier'`),
  ],
);

/** Of operations: a failover that nobody asked for but Postern itself. It waits for nothing. */
export const isAutomaticFailover = sql`(${operations.parameters} -> 'automatic') is not distinct from 'true'`;

/** Of operations: one that works on the instance's servers. What works on its snapshots waits for none of these, nor they for it. */
export const isOfServers = sql`(${operations.type} in ('CREATE_SNAPSHOT', 'REBOOT_INSTANCE', 'MODIFY_BACKUP_WINDOW'))`;
