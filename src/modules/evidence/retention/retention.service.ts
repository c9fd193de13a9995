/** Deletes what has expired: audit records after 90 days, idempotency keys after one day, changes of rows after an hour, sessions and windows of rate limits that have ended. */
import { deleteOldAuditLogs } from "../../../audit/audit.store.js";
import type { Db } from "../../../db/client.js";
import { deleteOldRowChanges } from "../../../engine/live/index.js";
import { deleteOldIdempotencyKeys } from "../../../engine/write/index.js";
import { deleteEndedRateLimits } from "../../../rate-limits/index.js";
import { deleteEndedSessions } from "../../identity/sessions/index.js";

/** Deletes everything that has expired. It may run twice at once. */
export async function purgeExpired(db: Db): Promise<void> {
  await deleteOldAuditLogs(db);
  await deleteOldIdempotencyKeys(db);
  await deleteOldRowChanges(db);
  await deleteEndedSessions(db);
  await deleteEndedRateLimits(db);
}
