/** Reads for one subscription the rows that have changed, as a query of its actor would. */
import { hash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { GraphQLResolveInfo } from "graphql";
import { singularOf } from "../../engine/declaration.js";
import type { RowChanges } from "../../engine/live/index.js";
import type { LiveRows } from "../../engine/types/live-fields.js";
import { AppError, limitExceeded, notFound } from "../../errors.js";
import type { RequestContext } from "../context.js";
import type { LiveTurns } from "./live-turns.js";

/** Rows that one statement reads, and the ids that may wait. */
const BATCH = 20;
const MAX_WAITING = 5000;
/** The bytes of what one statement answers, and so of a message. */
const MESSAGE_BYTES = 1_048_576;
/** Rows of which a subscription remembers how they looked. */
const MAX_REMEMBERED = 1000;

/** A row to send, and the context in which it was read. */
export interface LiveRow {
  readonly row: unknown;
  readonly context: RequestContext;
}

/** Who follows the rows. */
export interface LiveReader {
  /** The user, in whose name rows are read. */
  readonly holder: string;
  /** The delay before a database that is away is asked again. */
  readonly retryMs: number;
  /** @returns false where the client is gone or signed in no more @throws where it cannot be told */
  isThere(): boolean;
  /** Whether the client has not taken yet what was sent before. */
  isBehind(): boolean;
  /** Resolves when the client has taken most of what was sent, or is gone. */
  untilRead(): Promise<void>;
  /** Some changes were missed. */
  lost(): void;
  /** Makes the context of a read. */
  context(): RequestContext;
  /** Does a read in the name of the actor. */
  read<T>(work: () => Promise<T>): Promise<T>;
}

/** The ids of changed rows that wait to be read. It keeps none where they are too many, also while nobody takes any. */
class WaitingIds {
  private readonly ids = new Set<string>();
  private wake: () => void = () => undefined;
  private isClosed = false;
  private isTooMuch = false;

  add(ids: readonly string[]): void {
    if (ids.length === 0) return;
    this.isTooMuch ||= this.ids.size + ids.length > MAX_WAITING;
    if (this.isTooMuch) this.ids.clear();
    else for (const id of ids) this.ids.add(id);
    this.wake();
  }

  close(): void {
    this.isClosed = true;
    this.wake();
  }

  /** Waits for some. @returns none where it was closed @throws LIMIT_EXCEEDED */
  async take(): Promise<string[]> {
    while (this.ids.size === 0 && !this.isClosed && !this.isTooMuch) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    if (this.isClosed) return [];
    if (this.isTooMuch)
      throw limitExceeded("changes", "More has changed than this subscription can follow: subscribe again, to less.");
    const taken: string[] = [];
    for (const id of this.ids) {
      if (taken.length === BATCH) break;
      taken.push(id);
      this.ids.delete(id);
    }
    return taken;
  }
}

/** How rows looked in their last messages. */
class LastLooks {
  private readonly digests = new Map<string, string>();

  /** @returns whether a row looks as it did the last time, and remembers how it looks */
  isSame(id: string, row: unknown): boolean {
    const digest = hash("sha256", JSON.stringify(row), "base64");
    const isSame = this.digests.get(id) === digest;
    this.digests.delete(id);
    this.digests.set(id, digest);
    if (this.digests.size > MAX_REMEMBERED) this.digests.delete(this.digests.keys().next().value as string);
    return isSame;
  }
}

/**
 * Ends an iteration also while it waits for its next item, which the generator alone would wait for first.
 * @param close wakes it, so that it ends
 */
export const closableGenerator = <T>(items: AsyncGenerator<T, void>, close: () => void): AsyncGenerator<T, void> => ({
  next: () => items.next(),
  return(value) {
    close();
    return items.return(value as undefined);
  },
  throw(error) {
    close();
    return items.throw(error);
  },
  [Symbol.asyncIterator]() {
    return this;
  },
  async [Symbol.asyncDispose]() {
    await this.return(undefined);
  },
});

/**
 * Follows rows. A read is what a query of the same actor would be at that moment, by the same plan: row scope, filter and
 * permissions count for each message, and what the actor may not see any more is left out.
 *
 * A row that has changed several times before it is read is read once, as it is then. One that looks to this subscription as it did in
 * its last message is left out: a worker that only extends its lease sends nobody a message. What waits is bounded, and so is what is
 * read before the client has taken what was sent before.
 *
 * @returns the rows as they are now and whenever they have changed @throws NOT_FOUND, BAD_USER_INPUT, LIMIT_EXCEEDED, UNAVAILABLE
 */
export async function followLiveRows(
  { type, source, id, first }: LiveRows,
  info: GraphQLResolveInfo,
  reader: LiveReader,
  changes: Pick<RowChanges, "listen">,
  turns: LiveTurns,
): Promise<AsyncGenerator<LiveRow, void>> {
  const nodes = info.fieldNodes;
  const unit = { key: String(info.path.key), target: { kind: "changed", type }, nodes } as const;
  reader.context().preflight([unit], [Array(BATCH).fill("0")], info);

  const looks = new LastLooks();
  const waiting = new WaitingIds();
  /** Ids that were taken, and whose rows were too much for one read. */
  const rest: string[] = [];

  async function readRows(ids: readonly string[]): Promise<LiveRow[]> {
    const context = reader.context();
    context.allowance.bytes = MESSAGE_BYTES;
    try {
      const rows = (await reader.read(() => context.reads.changed(type, ids, info))) as unknown[];
      return rows.flatMap((row, index) =>
        row === null || looks.isSame(ids[index] as string, row) ? [] : [{ row, context }],
      );
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "LIMIT_EXCEEDED") throw error;
      if (ids.length === 1)
        throw limitExceeded("answer", "This message would be longer than 1 MiB. Ask for fewer fields.");
      const half = ids.length >> 1;
      rest.unshift(...ids.slice(half));
      return readRows(ids.slice(0, half));
    }
  }

  /** @returns the rows; undefined where the client is gone, null where it is behind because others of its rows were read meanwhile */
  async function readInTurn(ids: readonly string[]): Promise<LiveRow[] | null | undefined> {
    await reader.untilRead();
    const end = await turns.take(reader.holder);
    try {
      if (!reader.isThere()) return undefined;
      return reader.isBehind() ? null : await readRows(ids);
    } finally {
      end();
    }
  }

  /** @param hasBegun whether the client waits for more, and so also for a database that is away for a moment */
  async function readWaiting(hasBegun: boolean): Promise<LiveRow[] | undefined> {
    const ids = rest.length > 0 ? rest.splice(0) : await waiting.take();
    if (ids.length === 0) return undefined;
    for (;;) {
      try {
        const rows = await readInTurn(ids);
        if (rows !== null) return rows;
      } catch (error) {
        if (!hasBegun || !(error instanceof AppError) || error.code !== "UNAVAILABLE") throw error;
        await delay(reader.retryMs, undefined, { ref: false });
      }
    }
  }

  const leave = await changes.listen(source, {
    changed: (ids) => waiting.add(id === undefined ? ids : ids.filter((each) => each === id)),
    lost: reader.lost,
  });
  const close = () => {
    leave();
    waiting.close();
  };
  try {
    waiting.add(id === undefined ? await reader.read(async () => (await first?.()) ?? []) : [id]);
    const begun = id === undefined ? [] : await readWaiting(false);
    if (id !== undefined && begun?.length === 0) throw notFound(singularOf(type));
    return closableGenerator(
      (async function* () {
        try {
          for (let rows = begun; rows; rows = await readWaiting(true)) yield* rows;
        } finally {
          close();
        }
      })(),
      close,
    );
  } catch (error) {
    close();
    throw error;
  }
}
