/** Keeps ended sessions in memory while their access tokens may live. Those that other replicas end come by polling the database. */
import { ACCESS_TOKEN_SECONDS } from "../../../auth/tokens.js";
import type { Client } from "../../../db/client.js";
import { asAppError } from "../../../errors.js";
import type { Log } from "../../../log.js";
import type { Timings } from "../../../timings.js";

/** A revocation is stamped before its transaction commits. Each poll goes back this far, so that a late commit is not missed. */
const LATE_COMMIT_SECONDS = 30;
/** Replicas' clocks may differ by this much. */
const CLOCK_SKEW_SECONDS = 60;

export interface RevocationsOptions extends Pick<Client, "query" | "queryApart"> {
  readonly clock: { now(): Date };
  readonly log: Log;
  readonly timings: Pick<Timings, "revocationsMs">;
  /** The limit of a statement, and so of the root field that stamps a revocation. */
  readonly statementTimeoutMs: number;
  /** How long an access token lives. */
  readonly lifetimeSeconds?: number;
}

/** Lists the sessions that were revoked so many seconds before a moment, or since; the moment of now comes too. Both are by the database's clock. */
const REVOKED = `select coalesce(json_agg(id), '[]')::text, now()::text from sessions
  where revoked_at > coalesce($1::timestamptz, now()) - make_interval(secs => $2)`;

/**
 * A revocation counts on every replica within two seconds: a poll begins a second after the answer of the one before, takes
 * milliseconds, and waits for no request, however many fill the pool. Whatever a poll misses, because it failed or a commit came late, the next one finds, for each looks back further than
 * the last that was answered. LISTEN and NOTIFY would be no quicker where it matters: through PgBouncer they do not work, and a notice
 * that is lost with its connection leaves the poll as the bound.
 */
export type Revocations = ReturnType<typeof createRevocations>;

export function createRevocations({
  query,
  queryApart,
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
  let polledAt: string | null = null;
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

  async function load(ask: Client["queryApart"], seconds: number): Promise<void> {
    const [ids, now] = await ask(REVOKED, [polledAt, seconds]);
    for (const id of JSON.parse(ids as string)) add(id);
    polledAt = now as string;
  }

  async function poll(): Promise<void> {
    try {
      dropExpired();
      await load(queryApart, lateSeconds);
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
      // There may be many, and no request waits yet.
      await load((text, parameters) => query(text, parameters, false), keepSeconds + lateSeconds);
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
