/** The face of this folder: the changes of rows that all types share. */
export { claimOperation, keyOf } from "./idempotency.service.js";
export { createRowService, type Guard, type RowRules, type RowsDeps } from "./rows.service.js";
export { deleteOldIdempotencyKeys } from "./rows.store.js";
