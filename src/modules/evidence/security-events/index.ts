/** Security events. */
export type { Origin } from "../../../audit/call.js";
export { createSecurityService, type RecordedEvent, type SecurityService } from "../../../audit/security.service.js";
export { SecurityResolver } from "./security.resolver.js";
