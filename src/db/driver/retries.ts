/** Statements that PostgreSQL has forgotten, or plans in another way now: not done, and sent again on another connection. */
import type { Sql } from "postgres";
import type { Sent } from "./turn.js";

/**
 * Where PostgreSQL looks up or plans a prepared statement: its name is not known (26000), or, after another replica's migration, its columns
 * are others (0A000) or have other types (42804).
 */
const ROUTINES = new Set(["FetchPreparedStatement", "RevalidateCachedQuery", "transformAssignedExpr"]);

interface DriverQuery {
  /** Whether its connection knew it before. */
  prepared: boolean;
  wasPrepared?: boolean;
}

/**
 * The driver would send such a statement again by itself, behind others that are under way, whose answers it then takes for this one's, or
 * waits for ever. It asks for `retried` of each statement that failed, and for `prepared` next, which must be false.
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
 * @returns whether the connection's statements are outdated. What is answered with an error is undone, whatever it has done before; parsed anew,
 * it does not fail so again
 */
export const isOutdated = (sent: Sent, error: { readonly routine?: string } | undefined): boolean =>
  (sent as unknown as DriverQuery).wasPrepared === true && ROUTINES.has(error?.routine ?? "");
