/** The inventory of instances, and their environments. */

export { createDeeds } from "./deeds.service.js";
export { DEFAULT_ENVIRONMENT_RULES, type EnvironmentRules, environmentRulesText } from "./environment-rules.js";
export { OperationType } from "./instance-objects.model.js";
export { Finding, Instance, Snapshot } from "./inventory.model.js";
export { InventoryResolver } from "./inventory.resolver.js";
export { createInventoryService, type InventoryService } from "./inventory.service.js";
export type { StoredInstance } from "./inventory.store.js";
export { MemberLogsResolver } from "./member-logs.resolver.js";
export { createMemberLogs } from "./member-logs.service.js";
export { type Assessed, assess, COMING, isOfSnapshot, isOperable, isRescuable } from "./operability.js";
