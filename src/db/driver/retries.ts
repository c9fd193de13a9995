/** Recognizes prepared statements that PostgreSQL no longer runs. They were not done, so the pool sends them on another connection. */
import type { Sql } from "postgres";
import type { SentTurn } from "./turn.js";

/**
 * The functions of PostgreSQL that report so: the name is unknown (26000), or a migration by another replica has changed its columns
 * (0A000) or their types (42804).
 */
const ROUTINES = new Set(["FetchPreparedStatement", "RevalidateCachedQuery", "transformAssignedExpr"]);

interface DriverQuery {
  /** Whether its connection had prepared it before. */
  prepared: boolean;
  wasPrepared?: boolean;
}

/**
 * The driver would send such a statement again behind others that are running, and take their answers for its own, or wait for ever.
 * After a failure it reads `retried` and then `prepared`, and retries only if that is true; so the getter of the first unsets the second.
 */
export function forbidRetries(sql: Sql): void {
  const prototype = Object.getPrototypeOf(sql.unsafe(""));
  if (Object.hasOwn(prototype, "retried")) return;
  Object.defineProperty(prototype, "retried", {
    get(this: DriverQuery) {
      this.wasPrepared = this.prepared;
      this.prepared = false;
      return undefined;
    },
  });
}

/**
 * PostgreSQL undoes a statement that fails, so it is safe to send it again, and parsed anew it does not fail this way.
 * @returns whether a statement failed because its connection's prepared statements are outdated
 */
export const needsRetry = (sent: SentTurn, error: { readonly routine?: string } | undefined): boolean =>
  (sent as unknown as DriverQuery).wasPrepared === true && ROUTINES.has(error?.routine ?? "");
