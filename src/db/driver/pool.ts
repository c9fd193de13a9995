/** Decides which connection a statement goes to. No caller has more of them than it leaves free, or waits behind another's slow statement. */
import { setTimeout as delay } from "node:timers/promises";
import { timeout, unavailable } from "../../errors.js";
import { type Caller, callerShare, mayCallerHaveMore } from "../../values/caller.js";
import type { BackingOff } from "./backing-off.js";
import { Connection } from "./connection.js";
import { MAX_PIPELINED, mayBePipelined } from "./pipelined.js";
import { type Share, Shares } from "./shares.js";
import { type TransactionWork, transactionOn } from "./transaction.js";
import { type SentTurn, StatementTurn, Turn, type TurnKind, type TurnText, type WatchTurn } from "./turn.js";

/** Seconds that running statements get when the pool ends. */
const DRAIN_SECONDS = 5;

/** The connection that quick statements of the current turn of the event loop share. */
interface SharedConnection {
  readonly connection: Connection;
  /** The only caller that may use it; undefined where any may who has nothing slow under way. */
  readonly only: Share | undefined;
}

export interface Pool {
  /** Runs one statement and answers its rows as lists of values. */
  run(text: TurnText, kind: TurnKind): Promise<readonly (string | null)[][]>;
  /** The part of the driver that drizzle uses. */
  readonly driver: { unsafe(...text: TurnText): SentTurn; begin<T>(work: TransactionWork<T>): Promise<T> };
  /** Stops the reads of a caller who waits for no answer any more. */
  stopReads(caller: Caller): void;
  end(): Promise<void>;
}

/**
 * Quick statements share a connection, because one write to the socket then carries all of one turn of the event loop, and the write
 * is what costs most. Other statements have a connection for themselves, or wait behind their caller's own.
 * @param timeoutMs the limit of each statement, waiting for a connection included; undefined is no limit
 * @param ended is told of each statement
 */
export function createPool(
  { open, isFailing }: BackingOff,
  size: number,
  timeoutMs: number | undefined,
  ended: WatchTurn,
): Pool {
  let isEnding = false;
  const shares = new Shares();
  /** The connections that have something to do, each with the callers that use it. */
  const busy = new Map<Connection, Share[]>();
  let shared: SharedConnection | undefined;
  let endsWithLoop = false;

  const hasOpen = (): boolean => connections.some(({ isOpen }) => isOpen);
  const connect = (): Connection => new Connection(open, { idle: release, closed: replace, resend, hasOpen, ended });
  const connections = Array.from({ length: size }, connect);
  const mayConnect = (share: Share) => mayCallerHaveMore(share.connections, size - busy.size);

  function release(connection: Connection): void {
    const users = busy.get(connection);
    if (!users) return;
    busy.delete(connection);
    if (shared?.connection === connection) shared = undefined;
    for (const share of users) {
      share.connections -= 1;
      shares.dropIfUnused(share);
    }
    serve();
  }

  function replace(connection: Connection, unsent: readonly StatementTurn[]): void {
    // Reversed, because each goes before those that already wait.
    for (const turn of unsent.toReversed()) shares.waitFirst(turn);
    const index = connections.indexOf(connection);
    if (index >= 0 && !isEnding) connections[index] = connect();
    release(connection);
  }

  /**
   * Prefers an idle connection that is open, so that no more are opened than are needed.
   * @returns undefined where a new one would fail now, and an open one will be free soon
   */
  function takeIdle(): Connection | undefined {
    const idle = connections.filter((connection) => !busy.has(connection));
    const opened = idle.find(({ isOpen }) => isOpen);
    if (!opened && isFailing() && hasOpen()) return undefined;
    let connection = opened ?? (idle[0] as Connection);
    const index = connections.indexOf(connection);
    if (!isEnding && connection.hasExpired) {
      connection.end(DRAIN_SECONDS);
      connection = connect();
      connections[index] = connection;
    }
    return connection;
  }

  function assign(turn: Turn, share: Share, connection: Connection): void {
    let users = busy.get(connection);
    if (!users) {
      users = [];
      busy.set(connection, users);
    }
    if (!users.includes(share)) {
      users.push(share);
      share.connections += 1;
    }
    if (turn instanceof StatementTurn) connection.send(turn);
    else {
      connection.isHeld = true;
      // The count of the turn ends here; this one lasts as long as the transaction, so that `end` waits for it.
      shares.count(share, 1);
      turn.resolve(connection);
    }
  }

  const endLoopTurn = () => {
    endsWithLoop = false;
    shared = undefined;
  };

  /** A caller with something slow under way shares with nobody. */
  function mayShare(share: Share): boolean {
    if (share.connections === 0) return true;
    const isSlow = ({ isQuick, caller }: StatementTurn) => !isQuick && callerShare(caller) === share.name;
    for (const [{ isHeld, turns }, users] of busy)
      if (users.includes(share) && (isHeld || turns.some(isSlow))) return false;
    return true;
  }

  const hasRoom = ({ takesMore, turns }: Connection, turn: Turn | undefined) =>
    takesMore && mayBePipelined(turns, turn);

  /** Finds the least busy connection that only this caller uses; undefined where no connection is left for the next caller. */
  function findOwn(share: Share, { isRead, endsAtMs }: StatementTurn): Connection | undefined {
    let leastBusy: Connection | undefined;
    for (const [connection, users] of busy.size < size ? busy : []) {
      const isOwn =
        users.length === 1 && users[0] === share && connection.takesMore && connection.turns.length < MAX_PIPELINED;
      // The outcome of a change is known only once those before it have ended.
      const isInTime = isRead || connection.turns.every((turn) => turn.endsAtMs <= endsAtMs);
      const isLess = connection.turns.length < (leastBusy?.turns.length ?? MAX_PIPELINED);
      if (isOwn && isInTime && isLess) leastBusy = connection;
    }
    return leastBusy;
  }

  /** @returns whether it got a connection at once */
  function place(turn: Turn, share: Share): boolean {
    if (shared && hasRoom(shared.connection, turn) && (shared.only ? shared.only === share : mayShare(share))) {
      assign(turn, share, shared.connection);
      return true;
    }
    if (!mayConnect(share)) {
      // Behind its caller's own statements it keeps nobody else waiting, and one write for several costs less.
      const own = turn instanceof StatementTurn ? findOwn(share, turn) : undefined;
      // The statement may be slow, so others must not join this connection any more.
      if (own && own === shared?.connection) shared = undefined;
      if (own) assign(turn, share, own);
      return own !== undefined;
    }
    const connection = takeIdle();
    if (!connection) return false;
    if (turn instanceof StatementTurn && turn.isQuick) {
      shared = { connection, only: mayShare(share) ? undefined : share };
      if (!endsWithLoop) setImmediate(endLoopTurn);
      endsWithLoop = true;
    }
    assign(turn, share, connection);
    return true;
  }

  /** Gives free connections to those who wait. */
  function serve(): void {
    for (const share of shares.queue) {
      if (busy.size === size) return;
      if (share.waiting.length === 0 || !mayConnect(share)) continue;
      const connection = takeIdle();
      if (!connection) return;
      // Those who waited share a connection, as those do who come in one turn of the event loop.
      const others = mayShare(share) ? shares.queue : [];
      assign(shares.takeNext(share), share, connection);
      if (!connection.turns[0]?.isQuick) continue;
      while (hasRoom(connection, share.waiting[0])) assign(shares.takeNext(share), share, connection);
      for (const other of others) {
        if (hasRoom(connection, other.waiting[0]) && mayShare(other)) assign(shares.takeNext(other), other, connection);
      }
    }
  }

  function submit(turn: Turn, isRead: boolean): void {
    const refusal = isEnding ? unavailable("The database") : shares.refusal(turn, isRead);
    if (refusal) {
      turn.reject(refusal);
      return;
    }
    const share = shares.of(turn.caller);
    shares.count(share, 1);
    turn.onSettled = () => shares.count(share, -1);
    if (share.waiting.length > 0 || !place(turn, share)) shares.wait(turn, share);
  }

  function resend(turn: StatementTurn): void {
    shares.waitFirst(turn);
    serve();
  }

  function stop(turn: Turn): void {
    if (shares.withdraw(turn)) turn.reject(timeout());
    else if (turn instanceof StatementTurn) connections.find(({ turns }) => turns.includes(turn))?.stop(turn);
  }

  function submitStatement(text: TurnText, { isRead, usual }: TurnKind, asValues: boolean): StatementTurn {
    const turn = new StatementTurn(text, isRead, usual, asValues, timeoutMs, stop);
    submit(turn, isRead);
    return turn;
  }

  async function begin<T>(work: TransactionWork<T>): Promise<T> {
    const turn: Turn = new Turn(timeoutMs, () => stop(turn));
    submit(turn, false);
    const connection = (await turn.answer) as Connection;
    const share = shares.of(turn.caller);
    try {
      return await transactionOn(connection, timeoutMs, work);
    } finally {
      connection.isHeld = false;
      shares.count(share, -1);
      if (connection.isIdle) release(connection);
    }
  }

  return {
    run: (text, kind) => submitStatement(text, kind, true).answer as ReturnType<Pool["run"]>,
    driver: {
      unsafe: (...text) => submitStatement(text, { isRead: false, usual: undefined }, false).asDriver(),
      begin,
    },
    stopReads(caller) {
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
