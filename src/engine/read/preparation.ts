/** Which plans are worth a prepared statement, of which a connection of postgres.js never forgets one. */

/** A plan, and how often it has run. */
export interface Counted {
  readonly text: string;
  runs: number;
}

/** A plan that came back so often is worth preparing. */
const RUNS_BEFORE_PREPARING = 5;
/** Their number is bounded... */
const MAX_PREPARED = 300;
/** ...and begins anew after so long, when connections have been replaced (see the client's lifetime). */
const PREPARED_FOR_MS = 3_600_000;

export function createPreparation() {
  const prepared = new Set<string>();
  let sinceMs = Date.now();

  return {
    /** Counts a run of the plan. @returns whether it shall run as a prepared statement */
    isDue(plan: Counted): boolean {
      if (Date.now() - sinceMs > PREPARED_FOR_MS) {
        prepared.clear();
        sinceMs = Date.now();
      }
      if (++plan.runs > RUNS_BEFORE_PREPARING && prepared.size < MAX_PREPARED) prepared.add(plan.text);
      return prepared.has(plan.text);
    },
  };
}
