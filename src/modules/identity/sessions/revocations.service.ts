/** Ended sessions whose access tokens may still live, in memory: this replica's at once, the others' by polling the database. */
import { type SQL, sql } from "drizzle-orm";
import { ACCESS_TOKEN_SECONDS } from "../../../auth/tokens.js";
import type { Db } from "../../../db/client.js";
import { asAppError } from "../../../errors.js";
import type { Log } from "../../../log.js";
import { sessions } from "./sessions.table.js";

/** A transaction may commit this long after the time-out of its statements has begun, and its revocation is still seen. */
const LATE_COMMIT_SECONDS = 30;
/** Replicas' clocks may differ by this much. */
const CLOCK_SKEW_SECONDS = 60;

export interface RevocationsOptions {
  readonly db: Db;
  readonly clock: { now(): Date };
  readonly log: Log;
  readonly pollMs?: number;
  /** Of a statement, and so of the root field that stamps a revocation. */
  readonly statementTimeoutMs: number;
  /** How long an access token lives. */
  readonly lifetimeSeconds?: number;
}

/** The sessions revoked after a moment of the database's clock, and what that clock says now. */
async function listRevoked(db: Db, after: SQL): Promise<{ ids: string[]; now: string }> {
  const [row] = await db
    .select({ ids: sql<string[]>`coalesce(json_agg(${sessions.id}), '[]')`, now: sql<string>`now()::text` })
    .from(sessions)
    .where(sql`${sessions.revokedAt} > ${after}`);
  return row!;
}

export type Revocations = ReturnType<typeof createRevocations>;

export function createRevocations({
  db,
  clock,
  log,
  pollMs = 1000,
  lifetimeSeconds = ACCESS_TOKEN_SECONDS,
  statementTimeoutMs,
}: RevocationsOptions) {
  const lateSeconds = LATE_COMMIT_SECONDS + Math.ceil(statementTimeoutMs / 1000);
  const keepSeconds = lifetimeSeconds + CLOCK_SKEW_SECONDS;
  /** Session id -> when its last access token has ended; in the order of these moments. */
  const ended = new Map<string, number>();
  /** Where the next poll goes on, by the database's clock. */
  let seenUntil = "";
  let away = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let polling: Promise<void> | undefined;

  function add(sessionId: string): void {
    if (!ended.has(sessionId)) ended.set(sessionId, clock.now().getTime() + keepSeconds * 1000);
  }

  function drop(): void {
    const now = clock.now().getTime();
    for (const [sessionId, until] of ended) {
      if (until > now) return;
      ended.delete(sessionId);
    }
  }

  async function load(after: SQL): Promise<void> {
    const { ids, now } = await listRevoked(db, after);
    for (const id of ids) add(id);
    seenUntil = now;
  }

  async function poll(): Promise<void> {
    try {
      drop();
      await load(sql`${seenUntil}::timestamptz - make_interval(secs => ${lateSeconds})`);
      if (away) log.info("revocations: the database answers again");
      away = false;
    } catch (error) {
      if (!away)
        log.warn(
          { code: asAppError(error).code },
          "revocations: the database does not answer; sign-outs elsewhere are not seen",
        );
      away = true;
    }
  }

  function schedule(): void {
    if (stopped) return;
    timer = setTimeout(() => {
      polling = poll().then(schedule);
    }, pollMs).unref();
  }

  return {
    /** Loads what concerns tokens that still live, then polls. @throws UNAVAILABLE: without the list no token can be trusted */
    async start(): Promise<void> {
      await load(sql`now() - make_interval(secs => ${keepSeconds + lateSeconds})`);
      schedule();
    },

    add,

    has: (sessionId: string): boolean => ended.has(sessionId),

    /** Resolves when no poll is under way any more. */
    async stop(): Promise<void> {
      stopped = true;
      clearTimeout(timer);
      await polling;
    },
  };
}
