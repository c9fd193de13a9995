/** Operations on instances. */

export { createEndings } from "./endings.js";
export { createFailovers } from "./failover.service.js";
export { Operation } from "./operations.model.js";
export { OperationsResolver } from "./operations.resolver.js";
export { createOperationsService } from "./operations.service.js";
export { createSchedule } from "./schedule.js";
export { createWorker, type Polling } from "./worker.js";
