/** A connection of the superuser to a running cluster, over its Unix socket, for as long as one piece of work takes. */
import postgres, { type Sql } from "postgres";
import { addressOf } from "./answers.js";
import type { Cluster } from "./cluster.js";
import { findPostmaster } from "./postmaster.js";

/** The cluster does not run, or does not answer in time. */
export class UnreachableError extends Error {}

const UNLIMITED = ["statement_timeout", "lock_timeout", "idle_session_timeout", "idle_in_transaction_session_timeout"];
/** Whatever the role, the database or the files say: what Postern does there takes as long as Postern gives it. */
const SESSION = { application_name: "postern", options: UNLIMITED.map((name) => `-c ${name}=0`).join(" ") };

/** A server that hangs answers never: whoever asks it says when to give up. */
export type ConnectionOptions = {
  /** Default `postgres`. */
  readonly database?: string;
  /** For connecting; default 5,000. */
  readonly connectTimeoutMs?: number;
} & (
  | {
      /** For everything together. */
      readonly timeoutMs: number;
      readonly signal?: never;
    }
  | {
      /** Ends it. */
      readonly signal: AbortSignal;
      readonly timeoutMs?: never;
    }
);

/**
 * Runs `work` on one connection that is closed afterwards; all statements of `work` share its session.
 * Rejects with an UnreachableError when the cluster does not run or a time-out passes, whatever state it is in, and with the signal's reason.
 */
export async function asSuperuser<T>(
  cluster: Cluster,
  work: (sql: Sql) => Promise<T>,
  { database = "postgres", connectTimeoutMs = 5_000, timeoutMs, signal }: ConnectionOptions,
): Promise<T> {
  signal?.throwIfAborted();
  const running = await findPostmaster(cluster.dataDir);
  if (!running) throw new UnreachableError("PostgreSQL is not running.");
  const sql = postgres({
    ...(await cluster.superuser()),
    ...(await addressOf(running)),
    database,
    max: 1,
    // One session from first to last: a backup is bound to it.
    idle_timeout: 0,
    max_lifetime: null,
    connect_timeout: Math.min(connectTimeoutMs, timeoutMs ?? connectTimeoutMs) / 1000,
    fetch_types: false,
    connection: SESSION,
    onnotice: () => {},
  });
  const { promise: late, reject } = Promise.withResolvers<never>();
  const giveUp = () => reject(signal?.reason);
  signal?.addEventListener("abort", giveUp, { once: true });
  const timer =
    timeoutMs &&
    setTimeout(() => reject(new UnreachableError(`PostgreSQL did not answer within ${timeoutMs} ms.`)), timeoutMs);
  try {
    return await Promise.race([work(sql), late]);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "CONNECT_TIMEOUT") throw error;
    throw new UnreachableError(`PostgreSQL did not answer within ${timeoutMs ?? connectTimeoutMs} ms.`);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
    await sql.end({ timeout: 0 });
  }
}
