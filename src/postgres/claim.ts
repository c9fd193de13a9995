/** Claims a cluster: an advisory lock on a connection of its own lets one process at a time use it.
 *
 * For example, Postern A runs the cluster and Postern B starts on the same data folder:
 *   A: starts the postmaster, connects, pg_try_advisory_lock -> true. A holds the claim as long as this session lives.
 *   B: finds the postmaster and adopts it, pg_try_advisory_lock -> false. B tries for 2 s, because A may just have been
 *      killed, then throws ClaimedError and leaves the postmaster alone.
 *   A is killed with SIGKILL: the postmaster goes on, and PostgreSQL ends A's session and so frees the lock.
 *   B starts again: it adopts the running postmaster, gets the lock, and holds the claim.
 * If the postmaster itself dies, A loses its session, starts the postmaster and claims it again. If B was quicker, A calls onLost.
 */
import { setTimeout as delay } from "node:timers/promises";
import postgres, { type Sql } from "postgres";
import type { Log } from "../log.js";
import type { Cluster, RunningCluster } from "./cluster.js";
import { StillStartingError } from "./last-words.js";

/** Another process holds the claim. */
export class ClaimedError extends Error {}

export type Claim = {
  readonly cluster: RunningCluster;
  /** The superuser's connection that holds the claim, to the database `postgres`. */
  readonly sql: Sql;
  /** Stops the cluster and gives up the claim. Resolves when the postmaster is gone. */
  stop(): Promise<void>;
  /** Gives up the claim and leaves the cluster running, for the next process to adopt. */
  release(): Promise<void>;
};

/** The key of the advisory lock, in the database `postgres`: the bytes of "Postern". */
const LOCK_KEY = BigInt(`0x${Buffer.from("Postern").toString("hex")}`).toString();
/** The backend of a killed holder needs a moment to notice. */
const REFUSED_AFTER_MS = 2_000;
/** A cluster that was just found running may be about to stop or to recover. */
const UNREACHABLE_AFTER_MS = 30_000;
const RETRY_MS = 50;
const RETRY_LOST_MS = 1_000;

/**
 * Starts or adopts the cluster and claims it until stop() or the end of this process, also by a kill.
 * If the cluster dies later, it is started and claimed again.
 * @param signal gives up the attempt to claim
 * @param onLost is called when another process has claimed the cluster after it died
 * @throws ClaimedError when another process holds the claim, and leaves the cluster alone; after any other failure, what this
 * call started is stopped again
 */
export async function claimCluster(
  cluster: Cluster,
  log: Log,
  signal?: AbortSignal,
  onLost: () => void = () => undefined,
): Promise<Claim> {
  const stopping = new AbortController();
  let current: { cluster: RunningCluster; sql: Sql };
  let recovery: Promise<void> | undefined;
  let isLost = false;

  const onBroken = () => {
    if (!stopping.signal.aborted) recovery ??= recover().finally(() => (recovery = undefined));
  };
  const recover = async () => {
    log.warn("The connection that holds the claim to the database broke; taking it again");
    while (!stopping.signal.aborted) {
      try {
        await current.sql.end({ timeout: 0 });
        current = await acquire(cluster, log, onBroken, stopping.signal);
        return log.info("Claimed the database again");
      } catch (error) {
        isLost = error instanceof ClaimedError;
        if (isLost) return onLost();
        if (!stopping.signal.aborted)
          log.error({ err: error }, "Could not claim the database again; it is tried again");
        await delay(RETRY_LOST_MS, undefined, { signal: stopping.signal }).catch(() => {});
      }
    }
  };

  current = await acquire(cluster, log, onBroken, signal ?? stopping.signal);
  const end = async (work: () => Promise<void>) => {
    stopping.abort();
    await recovery;
    if (isLost) return;
    await work();
    await current.sql.end({ timeout: 0 });
  };
  return {
    ...current,
    // The claim ends after the postmaster, so that nobody else adopts a cluster that is about to stop.
    stop: () => end(() => cluster.stop()),
    release: () => end(async () => undefined),
  };
}

async function acquire(cluster: Cluster, log: Log, onBroken: () => void, signal: AbortSignal) {
  const { password, username } = await cluster.superuser();
  let started = false;
  const start = async (): Promise<RunningCluster> => {
    for (;;) {
      try {
        return await cluster.start(signal);
      } catch (error) {
        if (!(error instanceof StillStartingError)) {
          if (started) await cluster.stop();
          throw error;
        }
        started ||= error.started;
        log.warn({ err: error }, "The database still recovers; waiting for it");
      }
    }
  };
  let sinceMs: number | undefined;
  for (;;) {
    const running = await start();
    sinceMs ??= Date.now();
    started ||= running.started;
    let isHeld = false;
    const sql = postgres({
      path: `${running.host}/.s.PGSQL.${running.port}`,
      database: "postgres",
      username,
      password,
      max: 1,
      idle_timeout: 0,
      max_lifetime: null,
      connect_timeout: 5,
      fetch_types: false,
      connection: { application_name: "postern claim" },
      onnotice: () => {},
      onclose: () => isHeld && onBroken(),
    });
    let failure: unknown;
    try {
      const [row] = await sql`select pg_try_advisory_lock(${LOCK_KEY}::bigint) as held`;
      isHeld = row?.held === true;
      if (isHeld) return { cluster: running, sql };
      if (Date.now() - sinceMs > REFUSED_AFTER_MS) failure = new ClaimedError("Another process uses this database.");
    } catch (error) {
      if (!isTransient(error) || Date.now() - sinceMs > UNREACHABLE_AFTER_MS) failure = error;
    }
    await sql.end({ timeout: 0 });
    failure ??= signal.reason;
    if (failure) {
      if (started && !(failure instanceof ClaimedError)) await cluster.stop();
      throw failure;
    }
    await delay(RETRY_MS);
  }
}

/** Whether the server is starting, stopping, recovering, out of connections, or has ended since it was found. */
function isTransient(error: unknown): boolean {
  const code = String((error as { code?: unknown }).code);
  return /^(57P0[123]|53300|ENOENT|ECONNREFUSED|ECONNRESET|EPIPE|CONNECTION_|CONNECT_TIMEOUT)/.test(code);
}
