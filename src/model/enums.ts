/** The enums of the model. Value, name and PostgreSQL label are the same word. */
import * as tables from "../db/tables/index.js";
import { enumOf } from "../engine/types/object-type.js";

export const Role = enumOf("Role", tables.role.enumValues, "What a user or service may see and change.", {
  VIEWER: "Reads the data of its own organization.",
  ANALYST: "Reads and writes the data of its own organization.",
  DBA: "Sees the inventory, performance logs and the audit of operations; operates on non-production.",
  SECURITY: "Sees security events, audit logs and users of every organization.",
  ADMIN: "Sees and administers everything.",
});

export const ScanStatus = enumOf("ScanStatus", tables.scanStatus.enumValues, "How far a scan has come.");

export const Severity = enumOf("Severity", tables.severity.enumValues, "How grave a vulnerability is.");

export const AlertSeverity = enumOf(
  "AlertSeverity",
  tables.alertSeverity.enumValues,
  "How urgent something is that people should look at.",
);

export const Environment = enumOf(
  "Environment",
  tables.environment.enumValues,
  "What an instance is for. Operations are refused on PRODUCTION.",
);

export const EnvironmentMethod = enumOf(
  "EnvironmentMethod",
  ["TAG", "INSTANCE_MAPPING", "ACCOUNT_MAPPING", "NAME_PATTERN", "DEFAULT"],
  "What can say which environment an instance belongs to.",
);

export const MemberRole = enumOf("MemberRole", ["PRIMARY", "STANDBY"], "Who takes writes, and who follows.");

export const OperationType = enumOf(
  "OperationType",
  tables.operationType.enumValues,
  "What can be done to an instance.",
);

export const OperationStatus = enumOf(
  "OperationStatus",
  tables.operationStatus.enumValues,
  "How far an operation has come.",
  {
    QUEUED: "Accepted; it waits for its turn on the instance.",
    TIMED_OUT: "Postern stopped watching; the work may still end in the background, and that is recorded then.",
  },
);

export const SecurityEventStatus = enumOf(
  "SecurityEventStatus",
  ["SUCCESS", "FAILURE", "WARNING"],
  "How what a security event records turned out.",
);
