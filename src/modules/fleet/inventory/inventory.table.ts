/** The tables of the inventory: instances as their providers last described them, snapshots, environment mappings and findings. */
import { type SQL, sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgEnum,
  pgTable,
  text,
  uniqueIndex,
  varchar,
} from "drizzle-orm/pg-core";
import { id, moment, reference } from "../../../db/columns.js";
import { ENVIRONMENTS } from "../../../values/environments.js";
import { ALERT_SEVERITIES } from "../../../values/instances.js";
import { scopes } from "./scopes.table.js";

export const environment = pgEnum("environment", ENVIRONMENTS);

export const alertSeverity = pgEnum("alert_severity", ALERT_SEVERITIES);

/** One row for each instance that was seen. One that vanished is marked, and stays for 400 days, or as long as something else refers to it. */
export const instances = pgTable(
  "instances",
  {
    id: id(),
    provider: varchar({ length: 20 }).notNull(),
    /** The scope in which it was listed last; null where it has not been listed yet. */
    scopeId: reference().references(() => scopes.id),
    /** The provider's stable id. The identifier may change. */
    providerId: text().notNull(),
    identifier: varchar({ length: 255 }).notNull(),
    arn: text(),
    accountId: varchar({ length: 64 }),
    region: varchar({ length: 64 }),
    engine: varchar({ length: 64 }).notNull(),
    engineVersion: varchar({ length: 64 }).notNull(),
    instanceClass: varchar({ length: 64 }),
    pendingInstanceClass: varchar({ length: 64 }),
    /** Its name and status; null where the provider tells none, or has not told since an older release wrote the row. */
    parameterGroup: jsonb(),
    storageGib: integer(),
    multiAz: boolean().notNull(),
    status: varchar({ length: 64 }).notNull(),
    endpoint: jsonb(),
    members: jsonb().notNull(),
    /** The cluster that it is a member of. */
    cluster: jsonb(),
    clusterIdentifier: text().generatedAlwaysAs(sql`cluster ->> 'identifier'`),
    tags: jsonb().notNull(),
    autoFailover: jsonb(),
    backupWindow: varchar({ length: 11 }),
    pendingBackupWindow: varchar({ length: 11 }),
    maintenanceWindow: varchar({ length: 19 }),
    backupRetentionDays: integer(),
    /** When this window began to count. No backup of an earlier window is missed. */
    backupWindowSince: moment().notNull().defaultNow(),
    /** The newest of its snapshots that can be restored. */
    lastBackupId: reference().references((): AnyPgColumn => snapshots.id),
    /** The environment that the classifier decided when the facts last changed. */
    environment: environment().notNull(),
    classification: jsonb().notNull(),
    discoveredAt: moment().notNull().defaultNow(),
    /** When the look began that wrote it last. While it is present, a later listing of its scope counts, which may have found no change. */
    lastSeenAt: moment().notNull().defaultNow(),
    /** When the provider stopped listing it; null while it is listed. */
    vanishedAt: moment(),
    gone: boolean().notNull().generatedAlwaysAs(sql`vanished_at is not null`),
    /** Whether its scope is REMOVED, so that nobody can say whether it is still there. `upsertScopes` keeps it. */
    scopeRemoved: boolean().notNull().default(false),
    operable: boolean()
      .notNull()
      .generatedAlwaysAs(
        sql`vanished_at is null and not scope_removed and environment in ('STAGING', 'TEST', 'DEVELOPMENT', 'POC', 'SANDBOX')`,
      ),
  },
  (t) => [
    uniqueIndex("instances_provider_key").on(t.provider, t.providerId),
    index("instances_identifier_idx").on(sql`lower(${t.identifier})`),
    index("instances_arn_idx").on(t.arn),
    // Whether it is somebody's last backup is asked when a snapshot is deleted.
    index("instances_last_backup_idx").on(t.lastBackupId).where(sql`${t.lastBackupId} is not null`),
    index("instances_vanished_at_idx").on(t.vanishedAt).where(sql`${t.vanishedAt} is not null`),
    index("instances_cluster_idx").on(sql`(${t.cluster} ->> 'arn')`),
    index("instances_discovered_at_idx").on(t.discoveredAt.desc(), t.id.desc()),
    index("instances_tags_idx").using("gin", t.tags.op("jsonb_path_ops")),
    // Each serves a filter together with the order in which pages are taken.
    ...(
      ["scopeId", "accountId", "region", "engine", "engineVersion", "instanceClass", "status", "environment"] as const
    ).map((name) =>
      index(`instances_${name.replace(/[A-Z]/g, "_$&").toLowerCase()}_idx`).on(
        t[name],
        t.discoveredAt.desc(),
        t.id.desc(),
      ),
    ),
    index("instances_cluster_identifier_idx").on(t.clusterIdentifier, t.discoveredAt.desc(), t.id.desc()),
    index("instances_gone_idx").on(t.gone, t.discoveredAt.desc(), t.id.desc()),
    index("instances_operable_idx").on(t.operable, t.discoveredAt.desc(), t.id.desc()),
  ],
);

/**
 * @param of names a column of the row @returns when its provider last listed it. While it is present, every complete listing of its scope
 * has seen it, even one that has found no change to write
 */
export const instanceLastSeenAt = (of: (column: AnyPgColumn) => SQL): SQL =>
  sql`case when ${of(instances.vanishedAt)} is null then greatest(${of(instances.lastSeenAt)}, (
    select ${scopes.lastSuccessAt} from ${scopes} where ${scopes.id} = ${of(instances.scopeId)})) else ${of(instances.lastSeenAt)} end`;

/** The environments that people have set for instances and accounts. The newest of each counts; older ones are its history. */
export const environmentMappings = pgTable(
  "environment_mappings",
  {
    id: id(),
    instanceId: reference().references(() => instances.id),
    accountId: varchar({ length: 64 }),
    /** Null where the mapping was taken back. */
    environment: environment(),
    reason: text().notNull(),
    /** The dispute that this mapping settles, in the classifier's words. */
    settles: text(),
    createdBy: jsonb().notNull(),
    /** The second administrator; null where it needed none. */
    confirmedBy: jsonb(),
    createdAt: moment().notNull().defaultNow(),
  },
  (t) => [
    index("environment_mappings_instance_idx").on(t.instanceId, t.id.desc()),
    index("environment_mappings_account_idx").on(t.accountId, t.id.desc()),
    index("environment_mappings_created_at_idx").on(t.createdAt.desc(), t.id.desc()),
    check("environment_mappings_subject", sql`(${t.instanceId} is null) <> (${t.accountId} is null)`),
  ],
);

/** Problems of an instance or of a scope that people should look at. One that has ended is resolved, and stays for 400 days. */
export const findings = pgTable(
  "findings",
  {
    id: id(),
    instanceId: reference().references(() => instances.id),
    scopeId: reference().references(() => scopes.id),
    kind: varchar({ length: 64 }).notNull(),
    severity: alertSeverity().notNull(),
    /** The part that it is about; null for all of it. */
    subject: varchar({ length: 255 }),
    detail: text().notNull(),
    openedAt: moment().notNull().defaultNow(),
    resolvedAt: moment(),
  },
  (t) => [
    uniqueIndex("findings_one_open_key")
      .on(t.instanceId, t.kind, sql`coalesce(${t.subject}, '')`)
      .where(sql`${t.resolvedAt} is null`),
    uniqueIndex("findings_one_open_of_scope_key").on(t.scopeId, t.kind).where(sql`${t.resolvedAt} is null`),
    index("findings_resolved_at_idx").on(t.resolvedAt).where(sql`${t.resolvedAt} is not null`),
    index("findings_opened_at_idx").on(t.openedAt.desc(), t.id.desc()),
    index("findings_instance_idx").on(t.instanceId, t.openedAt.desc(), t.id.desc()),
    index("findings_scope_idx").on(t.scopeId, t.openedAt.desc(), t.id.desc()),
    check("findings_owner", sql`(${t.instanceId} is null) <> (${t.scopeId} is null)`),
  ],
);

export const snapshots = pgTable(
  "snapshots",
  {
    id: id(),
    instanceId: reference()
      .notNull()
      .references(() => instances.id),
    identifier: varchar({ length: 255 }).notNull(),
    arn: text().notNull(),
    /** Distinguishes it from earlier snapshots with the same identifier, and so the same ARN. */
    uid: text().notNull(),
    status: varchar({ length: 64 }).notNull(),
    sizeBytes: doublePrecision(),
    tags: jsonb().notNull(),
    automated: boolean().notNull(),
    /** What its instance counted as when it was seen first, below which its protection does not fall. Null where an older release wrote it. */
    environment: environment(),
    createdAt: moment().notNull(),
    /** When the refresh began that wrote it last. */
    lookedAt: moment().notNull().defaultNow(),
  },
  (t) => [
    uniqueIndex("snapshots_arn_key").on(t.arn, t.uid),
    index("snapshots_instance_idx").on(t.instanceId, t.createdAt.desc(), t.id.desc()),
    index("snapshots_manual_idx").on(t.instanceId).where(sql`not ${t.automated} and ${t.status} <> 'deleted'`),
    index("snapshots_deleted_idx").on(t.lookedAt).where(sql`${t.status} = 'deleted'`),
    index("snapshots_created_at_idx").on(t.createdAt.desc(), t.id.desc()),
  ],
);
