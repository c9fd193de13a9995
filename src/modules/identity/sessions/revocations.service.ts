/** Keeps ended sessions in memory while their access tokens may live. Those that other replicas end come by polling the database. */
import { type SQL, sql } from "drizzle-orm";
import { ACCESS_TOKEN_SECONDS } from "../../../auth/tokens.js";
import type { Db } from "../../../db/client.js";
import { asAppError } from "../../../errors.js";
import type { Log } from "../../../log.js";
import type { Timings } from "../../../timings.js";
import { sessions } from "./sessions.table.js";

/** A revocation is stamped before its transaction commits. Each poll goes back this far, so that a late commit is not missed. */
const LATE_COMMIT_SECONDS = 30;
/** Replicas' clocks may differ by this much. */
const CLOCK_SKEW_SECONDS = 60;

export interface RevocationsOptions {
  readonly db: Db;
  readonly clock: { now(): Date };
  readonly log: Log;
  readonly timings: Pick<Timings, "revocationsMs">;
  /** The limit of a statement, and so of the root field that stamps a revocation. */
  readonly statementTimeoutMs: number;
  /** How long an access token lives. */
  readonly lifetimeSeconds?: number;
}

/** @returns the sessions that were revoked after a moment, and the time of now, both by the database's clock */
async function listRevoked(db: Db, after: SQL): Promise<{ ids: string[]; now: string }> {
  const [row] = await db
    .select({ ids: sql<string[]>`coalesce(json_agg(${sessions.id}), '[]')`, now: sql<string>`now()::text` })
    .from(sessions)
    .where(sql`${sessions.revokedAt} > ${after}`);
  return row!;
}

/**
 * A revocation counts on every replica within two seconds: a poll begins a second after the answer of the one before, and takes
 * milliseconds. Whatever a poll misses, because it failed or a commit came late, the next one finds, for each looks back further than
 * the last that was answered. LISTEN and NOTIFY would be no quicker where it matters: through PgBouncer they do not work, and a notice
 * that is lost with its connection leaves the poll as the bound.
 */
export type Revocations = ReturnType<typeof createRevocations>;

export function createRevocations({
  db,
  clock,
  log,
  lifetimeSeconds = ACCESS_TOKEN_SECONDS,
  statementTimeoutMs,
  timings,
}: RevocationsOptions) {
  const lateSeconds = LATE_COMMIT_SECONDS + Math.ceil(statementTimeoutMs / 1000);
  const keepSeconds = lifetimeSeconds + CLOCK_SKEW_SECONDS;
  /** By session id, in order: when its last access token has expired, in milliseconds since the epoch. */
  const ended = new Map<string, number>();
  /** When the last poll was, by the database's clock. */
  let polledAt = "";
  let isAway = false;
  let hasStopped = false;
  let timer: NodeJS.Timeout | undefined;
  let polling: Promise<void> | undefined;

  function add(sessionId: string): void {
    if (!ended.has(sessionId)) ended.set(sessionId, clock.now().getTime() + keepSeconds * 1000);
  }

  function dropExpired(): void {
    const nowMs = clock.now().getTime();
    for (const [sessionId, untilMs] of ended) {
      if (untilMs > nowMs) return;
      ended.delete(sessionId);
    }
  }

  async function load(after: SQL): Promise<void> {
    const { ids, now } = await listRevoked(db, after);
    for (const id of ids) add(id);
    polledAt = now;
  }

  async function poll(): Promise<void> {
    try {
      dropExpired();
      await load(sql`${polledAt}::timestamptz - make_interval(secs => ${lateSeconds})`);
      if (isAway) log.info("revocations: the database answers again");
      isAway = false;
    } catch (error) {
      if (!isAway)
        log.warn(
          { code: asAppError(error).code },
          "revocations: the database does not answer; sign-outs elsewhere are not seen",
        );
      isAway = true;
    }
  }

  function schedule(): void {
    if (hasStopped) return;
    timer = setTimeout(() => {
      polling = poll().then(schedule);
    }, timings.revocationsMs).unref();
  }

  return {
    /** Loads all revocations that matter, then polls. @throws UNAVAILABLE, because without the list no token can be trusted */
    async start(): Promise<void> {
      await load(sql`now() - make_interval(secs => ${keepSeconds + lateSeconds})`);
      schedule();
    },

    add,

    has: (sessionId: string): boolean => ended.has(sessionId),

    /** Resolves when no poll is running any more. */
    async stop(): Promise<void> {
      hasStopped = true;
      clearTimeout(timer);
      await polling;
    },
  };
}
