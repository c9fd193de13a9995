/** The audit log, as it is read. */
export { AuditLog } from "./audit-log.model.js";
