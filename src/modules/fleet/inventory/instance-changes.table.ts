/** The table of changes of instances. A trigger on `instances` writes it, whoever changes them. */
import { index, jsonb, pgEnum, pgTable } from "drizzle-orm/pg-core";
import { id, moment, reference } from "../../../db/columns.js";
import { instances } from "./inventory.table.js";

export const instanceChangeField = pgEnum("instance_change_field", [
  "IDENTIFIER",
  "INSTANCE_CLASS",
  "ENGINE_VERSION",
  "TAGS",
  "BACKUP_WINDOW",
  "MAINTENANCE_WINDOW",
  "BACKUP_RETENTION_DAYS",
  "MEMBER_ROLES",
  "CLUSTER",
  "CLUSTER_TAGS",
  "ENVIRONMENT",
  "GONE",
  "PARAMETER_GROUP",
]);

export const instanceChanges = pgTable(
  "instance_changes",
  {
    id: id(),
    instanceId: reference()
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    field: instanceChangeField().notNull(),
    before: jsonb(),
    after: jsonb(),
    at: moment().notNull().defaultNow(),
  },
  (t) => [
    index("instance_changes_instance_idx").on(t.instanceId, t.at.desc(), t.id.desc()),
    index("instance_changes_at_idx").on(t.at.desc(), t.id.desc()),
  ],
);
