/** Counts in PostgreSQL, so that counts outlive a restart, and all replicas count together. Without the database nobody passes. */
import { createHmac } from "node:crypto";
import type { SecurityService } from "../audit/index.js";
import type { Db } from "../db/client.js";
import { rateLimited } from "../errors.js";
import type { Log } from "../log.js";
import { asCaller, POSTERN_CALLER } from "../values/caller.js";
import { RateState } from "../values/rate-state.js";
import { excessEvent, type RateAsker, type RateExcess } from "./excess-event.js";
import { claimReport, giveBackPoints, type RateWindow, takePoints } from "./rate-limits.store.js";

/** One limit, and whom it limits. */
export interface RateSubject extends RateExcess {
  /** Whom it limits: an account, a network, a user. */
  readonly parts: readonly string[];
}

/** The points that were taken. */
export interface RateTicket {
  /** How many points its fullest window has now, this one included. */
  readonly points: number;
  /** Gives them back. It never throws: what it is for has succeeded. */
  giveBack(): Promise<void>;
}

export interface SharedLimitsDeps {
  readonly db: Db;
  readonly clock: { now(): Date };
  readonly security: Pick<SecurityService, "record">;
  readonly log: Log;
  /** The key of the hashes under which counters are kept; all replicas share it. */
  readonly rateKey: string;
}

export type SharedLimits = ReturnType<typeof createSharedLimits>;

/** Others may take the last point between two looks. This many times in a row nobody meets that. */
const LOOKS = 3;

export function createSharedLimits({ db, clock, security, log, rateKey }: SharedLimitsDeps) {
  const keyOf = ({ tier, by, parts }: RateSubject) =>
    createHmac("sha256", rateKey)
      .update(JSON.stringify([tier, by, ...parts]))
      .digest("hex");

  /** Records the one event of a window, in the transaction that marks it. */
  const report = (window: RateWindow, subject: RateSubject, asker: RateAsker): Promise<void> =>
    db.transaction(async (db) => {
      if (await claimReport(db, window)) await security.record(db, excessEvent(subject, asker));
    });

  /** The points come back even where the request that took them has no time left, or its caller no turn. */
  const giveBack = (taken: readonly RateWindow[]): Promise<void> =>
    asCaller(POSTERN_CALLER, () => giveBackPoints(db, taken)).catch((err) =>
      log.warn({ err }, "points of a rate limit could not be given back"),
    );

  return {
    /**
     * Takes a point of each limit, or of none.
     * @throws RATE_LIMITED where one has no point left, UNAVAILABLE where nobody can count
     */
    async take(subjects: readonly RateSubject[], asker: RateAsker): Promise<RateTicket> {
      const byKey = new Map(subjects.map((subject) => [keyOf(subject), subject]));
      const claims = [...byKey].map(([key, { limit }]) => ({ key, limit }));
      for (let look = 1; ; look++) {
        const windows = await takePoints(db, claims, clock.now().toISOString());
        const taken = windows.filter((window) => window.taken);
        if (taken.length === claims.length) {
          const points = Math.max(...taken.map(({ points }) => points));
          return { points, giveBack: () => giveBack(taken) };
        }
        if (taken.length > 0) await giveBack(taken);
        const full = windows.filter((window) => !window.taken);
        if (full.length === 0 && look < LOOKS) continue;
        for (const window of full) {
          if (!window.reported) await report(window, byKey.get(window.key) as RateSubject, asker);
        }
        const last = full.sort((a, b) => b.secondsLeft - a.secondsLeft)[0];
        const { tier, limit } = byKey.get(last?.key ?? "") ?? (subjects[0] as RateSubject);
        // The clock of another replica may be a little ahead.
        const seconds = Math.min(last?.secondsLeft ?? 1, limit.seconds);
        throw rateLimited(seconds, new RateState(tier, limit, 0, seconds));
      }
    },
  };
}
