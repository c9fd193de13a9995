/** Runs one piece of work on a superuser's connection to a running cluster, over its Unix socket. */
import postgres, { type Sql } from "postgres";
import { answeringAddress } from "./answers.js";
import type { Cluster } from "./cluster.js";
import { findPostmaster } from "./postmaster.js";

/** The cluster does not run, or does not answer in time. */
export class ConnectionUnreachableError extends Error {}

const UNLIMITED = ["statement_timeout", "lock_timeout", "idle_session_timeout", "idle_in_transaction_session_timeout"];
/** Overrides what the role, the database or the files set: Postern alone decides how long its statements may take. */
const SESSION = { application_name: "postern", options: UNLIMITED.map((name) => `-c ${name}=0`).join(" ") };

/** A hanging server never answers, so every caller says when to give up. */
export type SuperuserConnectionOptions = {
  /** The default is `postgres`. */
  readonly database?: string;
  /** How long connecting may take; the default is 5,000. */
  readonly connectTimeoutMs?: number;
} & (
  | {
      /** How long connecting and the work may take together. */
      readonly timeoutMs: number;
      readonly signal?: never;
    }
  | {
      /** Ends the work when it aborts. */
      readonly signal: AbortSignal;
      readonly timeoutMs?: never;
    }
);

/**
 * Runs `work` on one connection that is closed afterwards; all statements of `work` share its session.
 * @throws ConnectionUnreachableError when the cluster does not run or a time-out passes, and the signal's reason
 */
export async function connectAsSuperuser<T>(
  cluster: Cluster,
  work: (sql: Sql) => Promise<T>,
  { database = "postgres", connectTimeoutMs = 5_000, timeoutMs, signal }: SuperuserConnectionOptions,
): Promise<T> {
  signal?.throwIfAborted();
  const running = await findPostmaster(cluster.dataDir);
  if (!running) throw new ConnectionUnreachableError("PostgreSQL is not running.");
  const sql = postgres({
    ...(await cluster.superuser()),
    ...(await answeringAddress(running)),
    database,
    max: 1,
    // The driver must never reconnect: a backup is bound to its session.
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
    setTimeout(
      () => reject(new ConnectionUnreachableError(`PostgreSQL did not answer within ${timeoutMs} ms.`)),
      timeoutMs,
    );
  try {
    return await Promise.race([work(sql), late]);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "CONNECT_TIMEOUT") throw error;
    throw new ConnectionUnreachableError(`PostgreSQL did not answer within ${timeoutMs ?? connectTimeoutMs} ms.`);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
    await sql.end({ timeout: 0 });
  }
}
