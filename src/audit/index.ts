/** The record of calls and of what matters for security. */
export { type AuditService, createAuditService } from "./audit.service.js";
export { createSecurityService, type RecordedEvent, type SecurityService } from "./security.service.js";
