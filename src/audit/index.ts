/** The audit log. */
export { type AuditService, createAuditService } from "./audit.service.js";
