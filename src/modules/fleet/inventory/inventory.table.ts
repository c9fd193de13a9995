/** The inventory: instances as their providers last described them, their snapshots, environment mappings and findings. */
import { sql } from "drizzle-orm";
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

export const environment = pgEnum("environment", ENVIRONMENTS);

export const alertSeverity = pgEnum("alert_severity", ALERT_SEVERITIES);

/** One row for each instance that was ever seen; one that vanishes is marked, because operations and audit refer to it. */
export const instances = pgTable(
  "instances",
  {
    id: id(),
    provider: varchar({ length: 20 }).notNull(),
    /** The provider's own stable id; identifiers can be renamed. */
    providerId: text().notNull(),
    identifier: varchar({ length: 255 }).notNull(),
    accountId: varchar({ length: 64 }),
    region: varchar({ length: 64 }),
    engine: varchar({ length: 64 }).notNull(),
    engineVersion: varchar({ length: 64 }).notNull(),
    instanceClass: varchar({ length: 64 }),
    storageGib: integer(),
    multiAz: boolean().notNull(),
    status: varchar({ length: 64 }).notNull(),
    endpoint: jsonb(),
    members: jsonb().notNull(),
    tags: jsonb().notNull(),
    autoFailover: jsonb(),
    backupWindow: varchar({ length: 11 }),
    pendingBackupWindow: varchar({ length: 11 }),
    maintenanceWindow: varchar({ length: 19 }),
    backupRetentionDays: integer(),
    /** Since when backups are due in this window: those of windows before are not missed. */
    backupWindowSince: moment().notNull().defaultNow(),
    /** The newest of its snapshots that can be restored. */
    lastBackupId: reference().references((): AnyPgColumn => snapshots.id),
    /** What the classifier decided when the facts last changed. */
    environment: environment().notNull(),
    classification: jsonb().notNull(),
    discoveredAt: moment().notNull().defaultNow(),
    lastSeenAt: moment().notNull().defaultNow(),
    /** Since when the provider does not list it any more; null while it does. */
    vanishedAt: moment(),
  },
  (t) => [
    uniqueIndex("instances_provider_key").on(t.provider, t.providerId),
    index("instances_identifier_idx").on(sql`lower(${t.identifier})`),
    index("instances_discovered_at_idx").on(t.discoveredAt.desc(), t.id.desc()),
  ],
);

/** What people say of the environment of an instance or an account. The newest of each counts; older ones are its history. */
export const environmentMappings = pgTable(
  "environment_mappings",
  {
    id: id(),
    instanceId: reference().references(() => instances.id),
    accountId: varchar({ length: 64 }),
    /** Null: the mapping was taken back. */
    environment: environment(),
    reason: text().notNull(),
    /** The disagreement that this mapping settles, as the classifier words it. */
    settles: text(),
    createdBy: jsonb().notNull(),
    createdAt: moment().notNull().defaultNow(),
  },
  (t) => [
    index("environment_mappings_instance_idx").on(t.instanceId, t.id.desc()),
    index("environment_mappings_account_idx").on(t.accountId, t.id.desc()),
    check("environment_mappings_subject", sql`(${t.instanceId} is null) <> (${t.accountId} is null)`),
  ],
);

/** What people should look at, by instance; one that is gone is resolved, and stays as history. */
export const findings = pgTable(
  "findings",
  {
    id: id(),
    instanceId: reference()
      .notNull()
      .references(() => instances.id),
    kind: varchar({ length: 64 }).notNull(),
    severity: alertSeverity().notNull(),
    /** What of the instance it is about; null: all of it. */
    subject: varchar({ length: 255 }),
    detail: text().notNull(),
    openedAt: moment().notNull().defaultNow(),
    resolvedAt: moment(),
  },
  (t) => [
    uniqueIndex("findings_one_open_key")
      .on(t.instanceId, t.kind, sql`coalesce(${t.subject}, '')`)
      .where(sql`${t.resolvedAt} is null`),
    index("findings_opened_at_idx").on(t.openedAt.desc(), t.id.desc()),
    index("findings_instance_idx").on(t.instanceId, t.openedAt.desc(), t.id.desc()),
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
    /** Tells it from others that had its identifier, and so its ARN. */
    uid: text().notNull(),
    status: varchar({ length: 64 }).notNull(),
    sizeBytes: doublePrecision(),
    tags: jsonb().notNull(),
    automated: boolean().notNull(),
    createdAt: moment().notNull(),
    /** When the look began that has written it last. */
    lookedAt: moment().notNull().defaultNow(),
  },
  (t) => [
    uniqueIndex("snapshots_arn_key").on(t.arn, t.uid),
    index("snapshots_instance_idx").on(t.instanceId, t.createdAt.desc(), t.id.desc()),
    index("snapshots_created_at_idx").on(t.createdAt.desc(), t.id.desc()),
  ],
);
