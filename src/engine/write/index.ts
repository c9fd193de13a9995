/** The face of this folder: the changes of rows that all types share. */
export { claimIdempotentOperation as claimOperation, idempotencyKeyOf as keyOf } from "./idempotency.service.js";
export { deleteOldIdempotencyKeys } from "./idempotency.store.js";
export { listMatchingRows } from "./rows.js";
export { createRowService, type RowRules, type RowsDeps, type RowsGuard as Guard } from "./rows.service.js";
