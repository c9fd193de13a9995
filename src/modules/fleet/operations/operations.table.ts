/** The table of operations that were requested on instances. */

import { type SQL, sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  boolean,
  doublePrecision,
  index,
  jsonb,
  pgEnum,
  pgTable,
  text,
  uniqueIndex,
  varchar,
} from "drizzle-orm/pg-core";
import { id, moment, reference } from "../../../db/columns.js";
import { OPERATION_STATUSES } from "../../../values/operations/operation-statuses.js";
import { environmentProposals } from "../inventory/environment-proposals.table.js";
import { environment, instances, snapshots } from "../inventory/inventory.table.js";
import { bulkOperations } from "./bulk-operations.table.js";
import { operationType } from "./operation-type.table.js";

export const operationStatus = pgEnum("operation_status", OPERATION_STATUSES);

/** What an operation waits for: others on the instance's servers, or others on its snapshots. The release before wrote no lane. */
export const laneOf = ({ lane, type }: Record<"lane" | "type", AnyPgColumn | SQL>): SQL =>
  sql`coalesce(${lane}, case when ${type} in ('CREATE_SNAPSHOT', 'REBOOT_INSTANCE', 'MODIFY_BACKUP_WINDOW') then 'servers' else 'snapshots' end)`;

/** A requested change to an instance. Only the row decides what runs; a job merely wakes a worker. */
export const operations = pgTable(
  "operations",
  {
    id: id(),
    type: operationType().notNull(),
    lane: text(),
    instanceId: reference()
      .notNull()
      .references(() => instances.id),
    /** What its instance counted as when it was accepted; null where the release before accepted it. */
    environment: environment(),
    /** What two administrators have agreed on before it was accepted; null where it needed no agreement. */
    proposalId: reference().references(() => environmentProposals.id),
    /** The cluster that it concerns as a whole, whichever member it was requested on. Such operations have one queue. */
    clusterArn: text(),
    /** What distinguishes that cluster from one that is made anew under the same name; null where its provider has not told. */
    clusterResourceId: text(),
    clusterKey: text().generatedAlwaysAs(sql`coalesce(cluster_resource_id, cluster_arn)`),
    /** What was asked, as its type's own input; null where Postern itself requested it, or the release before accepted it. */
    input: jsonb(),
    /** What its provider is asked. */
    parameters: jsonb().notNull(),
    /** What counted when it was accepted; null where Postern itself requested it, or a release before accepted it. */
    plan: jsonb(),
    /** The bulk operation that it is a part of. */
    bulkOperationId: reference().references(() => bulkOperations.id),
    /** The operation that it repeats. */
    retryOf: reference().references((): AnyPgColumn => operations.id),
    status: operationStatus().notNull().default("QUEUED"),
    success: boolean(),
    resourceStatus: varchar({ length: 64 }),
    progress: jsonb().notNull().default([]),
    /** That its provider is about to be asked for it, and what was seen before; null where it was not asked, or has done nothing. */
    intent: jsonb(),
    snapshotId: reference().references(() => snapshots.id),
    result: jsonb(),
    error: jsonb(),
    requestedBy: jsonb().notNull(),
    requestId: varchar({ length: 36 }),
    requestedAt: moment().notNull().defaultNow(),
    /** When it is to begin; null where it was to begin at once. */
    runAt: moment(),
    startedAt: moment(),
    /** The worker that runs the operation. Others may take it over after `leaseUntil`, which a living worker extends. */
    worker: varchar({ length: 36 }),
    leaseUntil: moment(),
    /** When somebody cancelled it, and who. Where it runs, its worker asks the provider to end it. */
    cancelRequestedAt: moment(),
    cancelRequestedBy: jsonb(),
    endedAt: moment(),
    durationSeconds: doublePrecision(),
    /** When the work ended after TIMED_OUT, and how (`settlement`). */
    settledAt: moment(),
    settlement: jsonb(),
    /** Whether it is a restore of production that has failed, and may have made an instance all the same that nobody has seen yet. */
    mayHaveRestored: boolean().notNull().default(false),
  },
  (t) => [
    index("operations_requested_at_idx").on(t.requestedAt.desc(), t.id.desc()),
    index("operations_instance_idx").on(t.instanceId, t.requestedAt.desc(), t.id.desc()),
    // On an instance one operation runs at a time, and one on its snapshots, whichever workers claim them.
    uniqueIndex("operations_one_running_key").on(t.instanceId, laneOf(t)).where(sql`${t.status} = 'RUNNING'`),
    uniqueIndex("operations_one_of_cluster_key").on(t.clusterArn).where(sql`${t.status} = 'RUNNING'`),
    index("operations_cluster_idx").on(t.clusterArn, t.requestedAt.desc(), t.id.desc()),
    index("operations_proposal_idx").on(t.proposalId).where(sql`${t.proposalId} is not null`),
    index("operations_snapshot_idx").on(t.snapshotId).where(sql`${t.snapshotId} is not null`),
    index("operations_cluster_key_idx").on(t.clusterKey, t.requestedAt.desc(), t.id.desc()),
    index("operations_bulk_operation_idx")
      .on(t.bulkOperationId, t.requestedAt.desc(), t.id.desc())
      .where(sql`${t.bulkOperationId} is not null`),
    index("operations_open_of_bulk_idx")
      .on(t.bulkOperationId)
      .where(sql`${t.bulkOperationId} is not null and ${t.status} in ('QUEUED', 'RUNNING')`),
    index("operations_retry_of_idx").on(t.retryOf).where(sql`${t.retryOf} is not null`),
    // What is looked for every few seconds lies in these, however much has ended.
    index("operations_open_idx")
      .on(t.instanceId, t.id)
      .where(sql`${t.status} in ('QUEUED', 'RUNNING') or (${t.status} = 'TIMED_OUT' and ${t.settledAt} is null)`),
    index("operations_open_of_cluster_idx")
      .on(t.clusterArn)
      .where(sql`${t.status} in ('QUEUED', 'RUNNING') or (${t.status} = 'TIMED_OUT' and ${t.settledAt} is null)`),
    index("operations_restores_idx")
      .on(t.id)
      .where(sql`${t.parameters} ? 'identifier' and (
      ${t.status} = 'RUNNING' or (${t.status} = 'TIMED_OUT' and ${t.settledAt} is null) or ${t.mayHaveRestored})`),
    index("operations_durations_idx")
      .on(t.instanceId, t.type, t.id.desc())
      .where(sql`${t.success} and ${t.durationSeconds} is not null`),
    index("operations_ended_at_idx").on(t.endedAt),
    index("operations_settled_at_idx").on(t.settledAt).where(sql`${t.settledAt} is not null`),
    // It finds what is due, what is too late, and what an instance has scheduled.
    index("operations_run_at_idx")
      .on(t.runAt, t.instanceId)
      .where(sql`${t.status} in ('SCHEDULED', 'QUEUED') and ${t.runAt} is not null`),
    // An identifier is taken, whatever its case, as soon as an operation that may make it is accepted.
    index("operations_snapshot_identifier_idx")
      .on(sql`lower(${t.parameters} ->> 'snapshotId')`)
      .where(sql`${t.type} = 'CREATE_SNAPSHOT'`),
    index("operations_restored_identifier_idx")
      .on(sql`lower(${t.parameters} ->> 'identifier')`)
      .where(sql`${t.parameters} ? 'identifier'`),
  ],
);

/** What an instance shares with the operations that concern its cluster as a whole. A trigger adds resource ids that are learnt later. */
export const operationsOfCluster = {
  column: operations.clusterKey,
  equals: (of: (column: AnyPgColumn) => SQL): SQL =>
    sql`coalesce(${of(instances.cluster)} ->> 'resourceId', ${of(instances.cluster)} ->> 'arn')`,
};

/** The condition of an automatic failover, which Postern requests by itself and which waits for nothing. */
export const isAutomaticFailoverOperation = sql`(${operations.parameters} -> 'automatic') is not distinct from 'true'`;

/** The lane of an operation: `servers` or `snapshots`. */
export const laneOfOperation = laneOf(operations);
