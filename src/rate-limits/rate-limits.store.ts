/** The statements of rate limits. Each commits by itself, so that no lock outlives it. */
import { lt, type SQL, sql } from "drizzle-orm";
import type { Db } from "../db/client.js";
import { purge } from "../db/purge.js";
import type { RateLimit } from "../values/rate-state.js";
import { rateLimits } from "./rate-limits.table.js";

/** One key, and how many points it has. */
export interface RateClaim {
  readonly key: string;
  readonly limit: RateLimit;
}

/** A key's window. */
export interface RateWindow {
  readonly key: string;
  /** The points that are taken, this one included. */
  readonly points: number;
  /** When it ends: PostgreSQL's text of the moment, all digits kept. */
  readonly endsAt: string;
  readonly secondsLeft: number;
}

/** Whether a point was taken, and where not, whether the window's event is recorded. */
type TakenWindow = RateWindow & { readonly taken: boolean; readonly reported: boolean };

const keysOf = (windows: readonly RateWindow[]): SQL =>
  sql.join(
    windows.map(({ key, endsAt }) => sql`(${key}::varchar, ${endsAt}::timestamptz)`),
    sql`, `,
  );

/**
 * Takes a point of every key, or of none where one of them has none left. A refused call writes nothing. For example, with 5 points for
 * an account at an address and 100 for the address:
 *
 *     (a, 5) (b, 100)   both have points left   -> a and b go up by one; two rows come back as taken
 *     (a, 5) (b, 100)   a has taken 5           -> one row comes back as not taken, and b stays as it is
 *     (a, 5) (b, 100)   another replica takes the fifth point of a while this statement runs -> only b comes back; give it back, and look again
 * @param now RFC 3339
 */
export async function takePoints(db: Db, claims: readonly RateClaim[], now: string): Promise<TakenWindow[]> {
  const asked = sql.join(
    claims.map(({ key, limit }) => sql`(${key}::varchar, ${limit.points}::int, ${limit.seconds}::int)`),
    sql`, `,
  );
  const moment = sql`${now}::timestamptz`;
  const left = (endsAt: SQL) => sql`ceil(extract(epoch from ${endsAt} - ${moment}))::int`;
  const rows = await db.execute(sql`
    with asked (key, max_points, seconds) as (values ${asked}),
    full_ones as (
      select r.* from rate_limits r join asked a on a.key = r.key where r.ends_at > ${moment} and r.points >= a.max_points
    ),
    taken as (
      insert into rate_limits as r (key, points, ends_at)
      select key, 1, ${moment} + seconds * interval '1 second' from asked where not exists (select from full_ones) order by key
      on conflict (key) do update set
        points = case when r.ends_at > ${moment} then r.points + 1 else 1 end,
        ends_at = case when r.ends_at > ${moment} then r.ends_at else excluded.ends_at end,
        reported = r.reported and r.ends_at > ${moment}
      where r.ends_at <= ${moment} or r.points < (select max_points from asked a where a.key = r.key)
      returning r.*
    )
    select key, points, ends_at::text as "endsAt", ${left(sql`ends_at`)} as "secondsLeft", true as taken, reported from taken
    union all
    select key, points, ends_at::text, ${left(sql`ends_at`)}, false, reported from full_ones`);
  return [...rows] as unknown as TakenWindow[];
}

/** Gives a point of each window back, unless the window has ended. */
export async function giveBackPoints(db: Db, windows: readonly RateWindow[]): Promise<void> {
  await db.execute(sql`
    with held as (
      select r.key from rate_limits r join (values ${keysOf(windows)}) as w (key, ends_at) on w.key = r.key and w.ends_at = r.ends_at
      order by r.key for update of r
    )
    update rate_limits set points = greatest(points - 1, 0) from held where rate_limits.key = held.key`);
}

/** @returns whether nobody has reported this window before */
export async function claimReport(db: Db, { key, endsAt }: RateWindow): Promise<boolean> {
  const rows = await db.execute(sql`
    update rate_limits set reported = true
    where key = ${key} and ends_at = ${endsAt}::timestamptz and not reported returning key`);
  return rows.length > 0;
}

/** An hour more than is needed, because the clocks of replicas may differ. */
export const deleteEndedRateLimits = (db: Db): Promise<void> =>
  purge(db, rateLimits, lt(rateLimits.endsAt, sql`now() - interval '1 hour'`));
