/** Whether requests may be sent here. The database is probed every second, so that a report never waits for it. */

/** `up`: it answers. `busy`: it answers late, or has failed once. `down`: it has failed twice in a row. `read-only`: it takes no changes. */
type DatabaseState = "up" | "busy" | "down" | "read-only";

export interface ReadinessDeps {
  /** @returns whether the database takes changes @throws where it does not answer in time */
  readonly isWritable: (timeoutMs: number) => Promise<boolean>;
  /** @returns the pooler between Postern and its database, if there is one */
  readonly pooler: () => { readonly carriesPrepared: boolean } | undefined;
}

const PROBE_INTERVAL_MS = 1000;
/** A database that answers later than this is busy. */
const PROMPT_MS = 150;
const PROBE_TIMEOUT_MS = 900;
/** A single failure may come from a busy moment of this machine. */
const FAILURES_UNTIL_DOWN = 2;

interface ReadinessReport {
  readonly status: "ready" | "not ready" | "stopping";
  readonly database: DatabaseState;
  readonly pooler?: { readonly preparedStatements: boolean };
}

export type Readiness = ReturnType<typeof createReadiness>;

export function createReadiness({ isWritable, pooler }: ReadinessDeps) {
  let database: DatabaseState = "up";
  let failures = 0;
  let isStopping = false;
  let timer: NodeJS.Timeout | undefined;

  async function probe(): Promise<void> {
    const beganMs = performance.now();
    try {
      const takesChanges = await isWritable(PROBE_TIMEOUT_MS);
      failures = 0;
      database = !takesChanges ? "read-only" : performance.now() - beganMs > PROMPT_MS ? "busy" : "up";
    } catch {
      failures += 1;
      database = failures >= FAILURES_UNTIL_DOWN ? "down" : "busy";
    }
  }

  function schedule(): void {
    if (isStopping) return;
    timer = setTimeout(() => probe().then(schedule), PROBE_INTERVAL_MS);
    timer.unref();
  }

  return {
    /** Probes the database at once, then every second. */
    async start(): Promise<void> {
      await probe();
      schedule();
    },

    /** Reports `stopping` from now on. Requests are still answered. */
    stop(): void {
      isStopping = true;
      clearTimeout(timer);
    },

    /** @returns what the last probe has shown */
    report(): ReadinessReport {
      const isReady = database === "up" || database === "busy";
      const detected = pooler();
      return {
        status: isStopping ? "stopping" : isReady ? "ready" : "not ready",
        database,
        ...(detected && { pooler: { preparedStatements: detected.carriesPrepared } }),
      };
    },
  };
}
