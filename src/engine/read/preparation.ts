/** Decides which statements are worth preparing: a connection of postgres.js never forgets a prepared statement. */

/** A statement, and how often it has run. */
export interface PreparationCount {
  readonly text: string;
  runs: number;
}

/** A statement that has run so often is worth preparing. */
const RUNS_BEFORE_PREPARING = 5;
/** At most so many statements are prepared at a time. */
const MAX_PREPARED = 300;
/** After this time all connections have been replaced (see the client's lifetime), and the counting begins anew. */
const PREPARED_FOR_MS = 3_600_000;

export function createPreparation() {
  const prepared = new Set<string>();
  let sinceMs = Date.now();

  return {
    /** Counts a run of the statement. @returns whether it is to run as a prepared statement */
    isDue(statement: PreparationCount): boolean {
      if (Date.now() - sinceMs > PREPARED_FOR_MS) {
        prepared.clear();
        sinceMs = Date.now();
      }
      if (++statement.runs > RUNS_BEFORE_PREPARING && prepared.size < MAX_PREPARED) prepared.add(statement.text);
      return prepared.has(statement.text);
    },
  };
}
