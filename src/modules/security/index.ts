/** Security events. */
export type { Origin } from "../../auth/call.js";
export { SecurityResolver } from "./security.resolver.js";
export { createSecurityService, type RecordedEvent, type SecurityService } from "./security.service.js";
