/** Which connection a statement goes to. No caller has more of them than it leaves to the others, and none waits behind another's statement that may be slow. */
import { setTimeout as delay } from "node:timers/promises";
import { timeout, unavailable } from "../../errors.js";
import { type Caller, mayHaveMore } from "../../values/caller.js";
import type { BackingOff } from "./backing-off.js";
import { Connection } from "./connection.js";
import { MAX_PIPELINED, mayFollow } from "./pipelined.js";
import { type Share, Shares } from "./shares.js";
import { transactionOn, type Work } from "./transaction.js";
import { type Sent, StatementTurn, type Text, Turn } from "./turn.js";
import type { UsualTime } from "./usual-time.js";

/** Seconds that what is under way may take to end. */
const DRAIN_SECONDS = 5;

/** Statements of one turn of the event loop on one connection: of one caller only, or of any who has nothing slow under way. */
interface Together {
  readonly connection: Connection;
  readonly only: Share | undefined;
}

/** What a statement is; see StatementTurn. */
export interface Kind {
  readonly isRead: boolean;
  readonly usual: UsualTime | undefined;
}

export interface Pool {
  /** Runs one statement and answers its rows as lists of values. */
  run(text: Text, kind: Kind): Promise<readonly (string | null)[][]>;
  /** What drizzle takes from the driver. */
  readonly driver: { unsafe(...text: Text): Sent; begin<T>(work: Work<T>): Promise<T> };
  /** Stops what the caller reads. */
  leave(caller: Caller): void;
  end(): Promise<void>;
}

/**
 * What is soon done travels together: the driver writes what comes in one turn of the event loop to its socket at once, which costs more
 * than all else that it does. Everything else has a connection for itself while it runs, or waits behind the caller's own statements.
 * @param timeoutMs for each statement, waiting for a connection included; undefined is for ever
 */
export function createPool({ open, isFailing }: BackingOff, size: number, timeoutMs: number | undefined): Pool {
  let isEnding = false;
  const shares = new Shares();
  /** The connections that have something to do, and whose. */
  const busy = new Map<Connection, Share[]>();
  let together: Together | undefined;
  let isWatched = false;

  const isServed = (): boolean => connections.some(({ isOpen }) => isOpen);
  const connect = (): Connection => new Connection(open, { idle: released, closed: replace, again, isServed });
  const connections = Array.from({ length: size }, connect);
  const mayConnect = (share: Share) => mayHaveMore(share.connections, size - busy.size);

  function released(connection: Connection): void {
    const held = busy.get(connection);
    if (!held) return;
    busy.delete(connection);
    if (together?.connection === connection) together = undefined;
    for (const share of held) {
      share.connections -= 1;
      shares.forget(share);
    }
    serve();
  }

  function replace(connection: Connection, unsent: readonly StatementTurn[]): void {
    // The last first, since each goes before those who wait.
    for (const turn of unsent.toReversed()) shares.waitAgain(turn);
    const index = connections.indexOf(connection);
    if (index >= 0 && !isEnding) connections[index] = connect();
    released(connection);
  }

  /**
   * One that has nothing to do: the first that is open, so that no more are open than are needed. While none can be opened it is none:
   * whatever is open serves.
   */
  function take(): Connection | undefined {
    const idle = connections.filter((connection) => !busy.has(connection));
    const served = idle.find(({ isOpen }) => isOpen);
    if (!served && isFailing() && isServed()) return undefined;
    let connection = served ?? (idle[0] as Connection);
    const index = connections.indexOf(connection);
    if (!isEnding && connection.isOver) {
      connection.end(DRAIN_SECONDS);
      connection = connect();
      connections[index] = connection;
    }
    return connection;
  }

  function put(turn: Turn, share: Share, connection: Connection): void {
    let held = busy.get(connection);
    if (!held) {
      held = [];
      busy.set(connection, held);
    }
    if (!held.includes(share)) {
      held.push(share);
      share.connections += 1;
    }
    if (turn instanceof StatementTurn) connection.send(turn);
    else {
      connection.isHeld = true;
      // It is counted on, so that a pool that ends waits for it.
      shares.count(share, 1);
      turn.resolve(connection);
    }
  }

  const endTurn = () => {
    isWatched = false;
    together = undefined;
  };

  /** Who has something under way that may be slow shares with nobody. */
  function mayShare(share: Share): boolean {
    if (share.connections === 0) return true;
    const isSlow = ({ isQuick, caller }: StatementTurn) => !isQuick && caller.name === share.name;
    for (const [{ isHeld, turns }, held] of busy)
      if (held.includes(share) && (isHeld || turns.some(isSlow))) return false;
    return true;
  }

  const hasRoom = ({ takesMore, turns }: Connection, turn: Turn | undefined) => takesMore && mayFollow(turns, turn);

  /** The connection that a caller has for itself, with the least to do; undefined where none is left for whoever comes next. */
  function ownOf(share: Share, { isRead, endsAtMs }: StatementTurn): Connection | undefined {
    let found: Connection | undefined;
    for (const [connection, held] of busy.size < size ? busy : []) {
      const isOwn =
        held.length === 1 && held[0] === share && connection.takesMore && connection.turns.length < MAX_PIPELINED;
      // What becomes of a change is known only once those before it have ended.
      const isInTime = isRead || connection.turns.every((turn) => turn.endsAtMs <= endsAtMs);
      if (isOwn && isInTime && connection.turns.length < (found?.turns.length ?? MAX_PIPELINED)) found = connection;
    }
    return found;
  }

  /** @returns whether it got a connection at once */
  function place(turn: Turn, share: Share): boolean {
    if (together && hasRoom(together.connection, turn) && (together.only ? together.only === share : mayShare(share))) {
      put(turn, share, together.connection);
      return true;
    }
    if (!mayConnect(share)) {
      // Its own statements keep nobody else waiting, and what is written together costs less.
      const own = turn instanceof StatementTurn ? ownOf(share, turn) : undefined;
      // What may be slow now runs where others would have joined.
      if (own && own === together?.connection) together = undefined;
      if (own) put(turn, share, own);
      return own !== undefined;
    }
    const connection = take();
    if (!connection) return false;
    if (turn instanceof StatementTurn && turn.isQuick) {
      together = { connection, only: mayShare(share) ? undefined : share };
      if (!isWatched) setImmediate(endTurn);
      isWatched = true;
    }
    put(turn, share, connection);
    return true;
  }

  /** Gives connections that have become free to those who wait. */
  function serve(): void {
    for (const share of shares.inTurn) {
      if (busy.size === size) return;
      if (share.waiting.length === 0 || !mayConnect(share)) continue;
      const connection = take();
      if (!connection) return;
      // As in a turn of the event loop.
      const others = mayShare(share) ? shares.inTurn : [];
      put(shares.next(share), share, connection);
      if (!connection.turns[0]?.isQuick) continue;
      while (hasRoom(connection, share.waiting[0])) put(shares.next(share), share, connection);
      for (const other of others) {
        if (hasRoom(connection, other.waiting[0]) && mayShare(other)) put(shares.next(other), other, connection);
      }
    }
  }

  function submit(turn: Turn, isRead: boolean): void {
    const refused = isEnding ? unavailable("The database") : shares.refusal(turn, isRead);
    if (refused) {
      turn.reject(refused);
      return;
    }
    const share = shares.of(turn.caller);
    shares.count(share, 1);
    turn.onSettled = () => shares.count(share, -1);
    if (share.waiting.length > 0 || !place(turn, share)) shares.wait(turn, share);
  }

  function again(turn: StatementTurn): void {
    shares.waitAgain(turn);
    serve();
  }

  /** Nobody wants it any more. */
  function stop(turn: Turn): void {
    if (shares.withdraw(turn)) turn.reject(timeout());
    else if (turn instanceof StatementTurn) connections.find(({ turns }) => turns.includes(turn))?.stop(turn);
  }

  function statement(text: Text, { isRead, usual }: Kind, asValues: boolean): StatementTurn {
    const turn = new StatementTurn(text, isRead, usual, asValues, timeoutMs, stop);
    submit(turn, isRead);
    return turn;
  }

  async function begin<T>(work: Work<T>): Promise<T> {
    const turn: Turn = new Turn(timeoutMs, () => stop(turn));
    submit(turn, false);
    const connection = (await turn.answer) as Connection;
    const share = shares.of(turn.caller);
    try {
      return await transactionOn(connection, timeoutMs, work);
    } finally {
      connection.isHeld = false;
      shares.count(share, -1);
      if (connection.isIdle) released(connection);
    }
  }

  return {
    run: (text, kind) => statement(text, kind, true).answer as ReturnType<Pool["run"]>,
    driver: { unsafe: (...text) => statement(text, { isRead: false, usual: undefined }, false).asDriver(), begin },
    leave(caller) {
      caller.hasLeft = true;
      const turns = [...shares.waitingOf(caller), ...connections.flatMap(({ turns }) => turns)];
      for (const turn of turns) {
        if (turn.caller === caller && turn instanceof StatementTurn && turn.isRead && !turn.isSettled) stop(turn);
      }
    },
    async end() {
      isEnding = true;
      await Promise.race([shares.drained(), delay(DRAIN_SECONDS * 1000, undefined, { ref: false })]);
      await Promise.all(connections.map((connection) => connection.end(DRAIN_SECONDS)));
    },
  };
}
