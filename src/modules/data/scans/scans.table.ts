/** The tables of scans and vulnerabilities. A trigger maintains `scans.vulnerabilities_found`. */
import { index, integer, pgEnum, pgTable, text, varchar } from "drizzle-orm/pg-core";
import { id, moment, reference, revision } from "../../../db/columns.js";
import { organizations } from "../../identity/organizations/organizations.table.js";

export const scanStatus = pgEnum("scan_status", ["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"]);

export const severity = pgEnum("severity", ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"]);

export const scans = pgTable(
  "scans",
  {
    id: id(),
    organizationId: reference()
      .notNull()
      .references(() => organizations.id),
    targetUrl: text().notNull(),
    scanType: varchar({ length: 50 }).notNull(),
    status: scanStatus().notNull().default("PENDING"),
    startedAt: moment().notNull().defaultNow(),
    vulnerabilitiesFound: integer().notNull().default(0),
    createdAt: moment().notNull().defaultNow(),
    ...revision(),
  },
  (t) => [
    index("scans_organization_created_idx").on(t.organizationId, t.createdAt.desc(), t.id.desc()),
    index("scans_organization_started_idx").on(t.organizationId, t.startedAt.desc(), t.id.desc()),
    index("scans_created_at_idx").on(t.createdAt.desc(), t.id.desc()),
    index("scans_started_at_idx").on(t.startedAt.desc(), t.id.desc()),
  ],
);

export const vulnerabilities = pgTable(
  "vulnerabilities",
  {
    id: id(),
    scanId: reference()
      .notNull()
      .references(() => scans.id, { onDelete: "cascade" }),
    severity: severity().notNull(),
    vulnType: varchar({ length: 100 }).notNull(),
    title: text().notNull(),
    description: text(),
    createdAt: moment().notNull().defaultNow(),
    ...revision(),
  },
  (t) => [
    index("vulnerabilities_scan_idx").on(t.scanId, t.createdAt.desc(), t.id.desc()),
    index("vulnerabilities_created_at_idx").on(t.createdAt.desc(), t.id.desc()),
  ],
);
