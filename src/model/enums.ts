/** The enums of the model. Value, name and PostgreSQL label are the same word. */
import * as tables from "../db/tables/index.js";
import { enumOf } from "../wire/object-type.js";

export const Role = enumOf("Role", tables.role.enumValues, "What a user or service may see and change.", {
  VIEWER: "Reads the data of its own organization.",
  ANALYST: "Reads and writes the data of its own organization.",
  DBA: "Sees the inventory, performance logs and the audit of operations; operates on non-production.",
  SECURITY: "Sees security events, audit logs and users of every organization.",
  ADMIN: "Sees and administers everything.",
});

export const ScanStatus = enumOf("ScanStatus", tables.scanStatus.enumValues, "How far a scan has come.");

export const Severity = enumOf("Severity", tables.severity.enumValues, "How grave a vulnerability is.");

export const SecurityEventStatus = enumOf(
  "SecurityEventStatus",
  ["SUCCESS", "FAILURE", "WARNING"],
  "How what a security event records turned out.",
);
