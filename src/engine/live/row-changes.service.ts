/** Tells who listens which rows were written, on whichever replica, by one statement a second for all of them. */
import type { Client } from "../../db/client.js";
import { asAppError, unavailable } from "../../errors.js";
import type { Log } from "../../log.js";
import type { Timings } from "../../timings.js";

/** Who wants to know of the rows of a table. */
export interface RowChangesListener {
  /** @param ids the ids of rows that were written, in their order, each once */
  changed(ids: readonly string[]): void;
  /** Some changes may have been missed, so what it knows may be stale. */
  lost(): void;
}

export interface RowChangesDeps {
  readonly queryApart: Client["queryApart"];
  readonly log: Log;
  readonly timings: Pick<Timings, "liveMs">;
}

/** Where the last poll has stood. */
interface Cursor {
  /** The transactions that it saw. */
  readonly snapshot: string;
  /** When the server of the database started. Another server, such as a promoted standby, counts transactions of its own. */
  readonly server: string;
  /** The moment of the poll by the database's clock. */
  readonly at: string;
}

/** More changes than these between two polls are not told one by one, so that a poll never takes longer than it may. */
const MAX_CHANGES = 20_000;

/** Answers the snapshot, the server, the time, whether changes may be deleted unseen, and the changes since the snapshot before. */
const CHANGES = `select pg_current_snapshot()::text, pg_postmaster_start_time()::text, now()::text,
  ($2::timestamptz < now() - interval '30 minutes')::text,
  (select coalesce(json_agg(json_build_array(c.source, c.row_id::text) order by c.row_id), '[]')::text from (
    select source, row_id from row_changes
    where (xid >= pg_snapshot_xmax($1::text::pg_snapshot) or xid = any (array(select pg_snapshot_xip($1::text::pg_snapshot))))
      and xid < pg_snapshot_xmax(pg_current_snapshot())
    limit ${MAX_CHANGES + 1}
  ) c)`;

/** The first transaction that the snapshot could not know. */
const xmaxOf = (snapshot: string) => BigInt(snapshot.split(":")[1] as string);

/**
 * A change is noted in the transaction that makes it, with the transaction's number, and a poll asks for exactly what was committed
 * between two snapshots: what the transactions wrote that were under way in the snapshot before, or had not begun. So neither the order
 * of commits nor that of ids matters, and nothing is found twice:
 *
 *     A takes the number 100 and writes, B takes 101, writes and commits
 *     a poll sees the snapshot 100:102:100   it finds 101, and knows that 100 is under way
 *     A commits
 *     the next one asks for 100 and for whatever is from 102 on, and finds 100
 *
 * It finds both by the key of the table, so it costs the same however large the tables are, and while nobody listens there is none.
 * NOTIFY would not pass poolers.
 */
export type RowChanges = ReturnType<typeof createRowChanges>;

export function createRowChanges({ queryApart, log, timings }: RowChangesDeps) {
  const listeners = new Map<string, Set<RowChangesListener>>();
  let cursor: Cursor | undefined;
  /** The first poll since somebody listens. Changes count from there. */
  let beginning: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let polling: Promise<void> | undefined;
  let isAway = false;
  let hasStopped = false;
  let round = 0;

  async function ask(before: Cursor | undefined) {
    const [snapshot, server, at, isLate, changes] = await queryApart(
      CHANGES,
      [before?.snapshot, before?.at].map(orNull),
    );
    return { now: { snapshot, server, at } as Cursor, isLate: isLate === "true", changes: changes as string };
  }

  function tell(before: Cursor, { now, isLate, changes }: Awaited<ReturnType<typeof ask>>): void {
    const pairs = JSON.parse(changes) as [source: string, id: string][];
    const isOther = now.server !== before.server || xmaxOf(now.snapshot) < xmaxOf(before.snapshot);
    if (isLate || isOther || pairs.length > MAX_CHANGES) {
      log.warn({ isLate, isOther, changes: pairs.length }, "changes of rows were missed: who subscribes begins anew");
      for (const each of [...listeners.values()].flatMap((set) => [...set])) each.lost();
      return;
    }
    for (const [source, changed] of Map.groupBy(pairs, ([source]) => source)) {
      const told = listeners.get(source);
      if (!told) continue;
      round += 1;
      const ids = [...new Set(changed.map(([, id]) => id))];
      for (const listener of [...told]) listener.changed(ids);
    }
  }

  async function poll(before: Cursor): Promise<void> {
    try {
      const answer = await ask(before);
      if (isAway) log.info("changes of rows: the database answers again");
      isAway = false;
      // Everybody has left meanwhile, and perhaps somebody has begun anew.
      if (cursor !== before) return;
      cursor = answer.now;
      tell(before, answer);
    } catch (error) {
      // What is missed now, the next poll finds.
      const { code } = asAppError(error);
      if (!isAway) log.warn({ code }, "changes of rows: the database does not answer; who subscribes waits");
      isAway = true;
    }
  }

  function schedule(): void {
    clearTimeout(timer);
    if (hasStopped || !cursor) return;
    timer = setTimeout(() => {
      if (!cursor) return;
      polling = poll(cursor).then(schedule);
    }, timings.liveMs).unref();
  }

  async function begin(): Promise<void> {
    const { now } = await ask(undefined);
    if (listeners.size === 0) return;
    cursor = now;
    schedule();
  }

  function leave(source: string, listener: RowChangesListener): void {
    const set = listeners.get(source);
    set?.delete(listener);
    if (set?.size === 0) listeners.delete(source);
    if (listeners.size > 0) return;
    clearTimeout(timer);
    cursor = undefined;
    beginning = undefined;
  }

  return {
    /**
     * @returns a number that grows before somebody is told of changes, and before somebody begins to listen: whatever was read while it
     * was as it is now has all changes that anybody was told of
     */
    round: (): number => round,

    /**
     * Listens for rows of a table that are written from now on, or up to a second before.
     * @returns a function that ends it @throws UNAVAILABLE
     */
    async listen(source: string, listener: RowChangesListener): Promise<() => void> {
      if (hasStopped) throw unavailable("Postern");
      round += 1;
      listeners.set(source, (listeners.get(source) ?? new Set()).add(listener));
      const leaveOnce = () => leave(source, listener);
      beginning ??= begin();
      const own = beginning;
      try {
        await own;
      } catch (error) {
        if (beginning === own) beginning = undefined;
        leaveOnce();
        throw error;
      }
      return leaveOnce;
    },

    /** Resolves when no poll is running any more. */
    async stop(): Promise<void> {
      hasStopped = true;
      clearTimeout(timer);
      await polling;
    },
  };
}

const orNull = (value: string | undefined) => value ?? null;
