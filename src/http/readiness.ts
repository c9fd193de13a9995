/** Whether requests are to be sent here: looked at every second, so that whoever asks is told at once, and never waits for a database. */

/** How the database does: it answers; it answers late, or did not just now; twice in a row it did not; it takes no changes. */
export type DatabaseState = "up" | "busy" | "down" | "read-only";

export interface ReadinessDeps {
  /** @returns whether the database takes changes @throws where it does not answer in so many milliseconds */
  readonly look: (timeoutMs: number) => Promise<boolean>;
  /** What stands between Postern and its database, if anything. */
  readonly pooler: () => { readonly carriesPrepared: boolean } | undefined;
}

const LOOK_EVERY_MS = 1000;
/** Whoever answers later than this is busy. */
const PROMPT_MS = 150;
const LOOK_TIMEOUT_MS = 900;
/** One failed look may be a busy moment of this machine. */
const FAILURES_UNTIL_DOWN = 2;

export interface ReadinessReport {
  readonly status: "ready" | "not ready" | "stopping";
  readonly database: DatabaseState;
  readonly pooler?: { readonly preparedStatements: boolean };
}

export type Readiness = ReturnType<typeof createReadiness>;

export function createReadiness({ look, pooler }: ReadinessDeps) {
  let database: DatabaseState = "up";
  let failures = 0;
  let isStopping = false;
  let timer: NodeJS.Timeout | undefined;

  async function lookNow(): Promise<void> {
    const since = performance.now();
    try {
      const isWritable = await look(LOOK_TIMEOUT_MS);
      failures = 0;
      database = !isWritable ? "read-only" : performance.now() - since > PROMPT_MS ? "busy" : "up";
    } catch {
      failures += 1;
      database = failures >= FAILURES_UNTIL_DOWN ? "down" : "busy";
    }
  }

  function schedule(): void {
    if (isStopping) return;
    timer = setTimeout(() => lookNow().then(schedule), LOOK_EVERY_MS);
    timer.unref();
  }

  return {
    /** Looks for the first time, then every second. */
    async start(): Promise<void> {
      await lookNow();
      schedule();
    },

    /** Nothing new is to be sent here: what has come is still answered. */
    stop(): void {
      isStopping = true;
      clearTimeout(timer);
    },

    /** The last look's result. */
    report(): ReadinessReport {
      const isReady = database === "up" || database === "busy";
      const met = pooler();
      return {
        status: isStopping ? "stopping" : isReady ? "ready" : "not ready",
        database,
        ...(met && { pooler: { preparedStatements: met.carriesPrepared } }),
      };
    },
  };
}
