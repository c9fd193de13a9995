/** The claim to a cluster: one process at a time may use it, which an advisory lock on a connection of its own ensures. */
import { setTimeout as delay } from "node:timers/promises";
import postgres, { type Sql } from "postgres";
import type { Log } from "../log.js";
import type { Cluster, RunningCluster } from "./cluster.js";
import { StillStartingError } from "./last-words.js";

/** Somebody else holds the claim. */
export class ClaimedError extends Error {}

export type Claim = {
  readonly cluster: RunningCluster;
  /** The superuser's connection that holds the claim, to the database `postgres`. */
  readonly sql: Sql;
  /** Stops the cluster and gives up the claim. Resolves when the postmaster is gone. */
  stop(): Promise<void>;
};

/** "Postern" in bytes: the key of the advisory lock, in the database `postgres` of the cluster. */
const LOCK_KEY = BigInt(`0x${Buffer.from("Postern").toString("hex")}`).toString();
/** A killed holder's backend needs a moment to notice. */
const REFUSED_AFTER_MS = 2_000;
/** A cluster that was just found running may be about to stop or to recover. */
const UNREACHABLE_AFTER_MS = 30_000;
const RETRY_MS = 50;
const RETRY_LOST_MS = 1_000;

/**
 * Starts or adopts the cluster and claims it until stop() or the end of this process, however that comes.
 * Rejects with a ClaimedError when another process has it, which is then left alone; after any other failure, what
 * this call started is stopped again. If the cluster dies later, it is started and claimed again, quietly.
 * @param signal gives up the claim while it is being taken
 * @param onLost told when another process has got it after all: the cluster is that one's
 */
export async function claimCluster(
  cluster: Cluster,
  log: Log,
  signal?: AbortSignal,
  onLost: () => void = () => undefined,
): Promise<Claim> {
  const stopping = new AbortController();
  let held: { cluster: RunningCluster; sql: Sql };
  let recovery: Promise<void> | undefined;
  let isLost = false;

  const onBroken = () => {
    if (!stopping.signal.aborted) recovery ??= recover().finally(() => (recovery = undefined));
  };
  const recover = async () => {
    log.warn("The connection that holds the claim to the database broke; taking it again");
    while (!stopping.signal.aborted) {
      try {
        await held.sql.end({ timeout: 0 });
        held = await take(cluster, log, onBroken, stopping.signal);
        return log.info("Claimed the database again");
      } catch (error) {
        isLost = error instanceof ClaimedError;
        if (isLost) return onLost();
        if (!stopping.signal.aborted) log.error({ err: error }, "Could not claim the database again; trying on");
        await delay(RETRY_LOST_MS, undefined, { signal: stopping.signal }).catch(() => {});
      }
    }
  };

  held = await take(cluster, log, onBroken, signal ?? stopping.signal);
  return {
    ...held,
    async stop() {
      stopping.abort();
      await recovery;
      if (isLost) return;
      // The claim is held until the postmaster is gone: nobody else can adopt a cluster that is about to stop.
      await cluster.stop();
      await held.sql.end({ timeout: 0 });
    },
  };
}

async function take(cluster: Cluster, log: Log, onBroken: () => void, signal: AbortSignal) {
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
  let since: number | undefined;
  for (;;) {
    const running = await start();
    since ??= Date.now();
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
      if (Date.now() - since > REFUSED_AFTER_MS) failure = new ClaimedError("Another process uses this database.");
    } catch (error) {
      if (!isPassing(error) || Date.now() - since > UNREACHABLE_AFTER_MS) failure = error;
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

/** Starting, stopping, recovering, out of connection slots, or gone between being found and being asked. */
function isPassing(error: unknown): boolean {
  const code = String((error as { code?: unknown }).code);
  return /^(57P0[123]|53300|ENOENT|ECONNREFUSED|ECONNRESET|EPIPE|CONNECTION_|CONNECT_TIMEOUT)/.test(code);
}
