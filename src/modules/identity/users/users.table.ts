/** The table of users. */
import { sql } from "drizzle-orm";
import { check, index, pgEnum, pgTable, text, uniqueIndex, varchar } from "drizzle-orm/pg-core";
import { ROLES } from "../../../auth/permissions.js";
import { id, moment, reference, revision } from "../../../db/columns.js";
import { organizations } from "../organizations/organizations.table.js";

export const role = pgEnum("role", ROLES);

export const users = pgTable(
  "users",
  {
    id: id(),
    email: varchar({ length: 254 }).notNull(),
    // Null where the account has no password, and so nobody signs in with one.
    passwordHash: text(),
    fullName: text(),
    role: role().notNull(),
    organizationId: reference().references(() => organizations.id),
    createdAt: moment().notNull().defaultNow(),
    // When an officer locked or deactivated the account. Either keeps its user out.
    lockedAt: moment(),
    deactivatedAt: moment(),
    ...revision(),
  },
  (t) => [
    uniqueIndex("users_email_key").on(sql`lower(${t.email})`),
    index("users_email_idx").on(t.email),
    index("users_organization_idx").on(t.organizationId, t.createdAt.desc(), t.id.desc()),
    index("users_created_at_idx").on(t.createdAt.desc(), t.id.desc()),
    // The row scope of a tenant is an organization, so a tenant must have one.
    check(
      "users_tenant_has_organization",
      sql`${t.role} not in ('VIEWER', 'ANALYST') or ${t.organizationId} is not null`,
    ),
  ],
);
