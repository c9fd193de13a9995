/** The audit log and security events, for other folders. */
export { type AuditService, createAuditService } from "./audit.service.js";
export { createSecurityService, type RecordedEvent, type SecurityService } from "./security.service.js";
