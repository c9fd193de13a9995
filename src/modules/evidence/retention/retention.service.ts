/** What is removed when its time is over: audit records after 90 days, idempotency keys after one, and sessions that nobody can use any more. */
import { deleteOldAuditLogs } from "../../../audit/audit.store.js";
import type { Db } from "../../../db/client.js";
import { deleteOldIdempotencyKeys } from "../../../engine/write/index.js";
import { deleteEndedSessions } from "../../identity/sessions/index.js";

/** Removes everything that is over now. Run twice at once it does no harm. */
export async function purgeExpired(db: Db): Promise<void> {
  await deleteOldAuditLogs(db);
  await deleteOldIdempotencyKeys(db);
  await deleteEndedSessions(db);
}
