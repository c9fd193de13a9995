/** The module through which staff read the audit log. */
import type { Module } from "../../../module.js";
import { AuditLog } from "./audit-log.model.js";

export { AuditLog };

export const auditLogModule: Module = { types: [AuditLog] };
