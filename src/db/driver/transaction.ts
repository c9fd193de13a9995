/** Runs a transaction on a connection that it has for itself, with the interface that drizzle expects of the driver. */
import { setTimeout as delay } from "node:timers/promises";
import { asCaller, POSTERN_CALLER } from "../../values/caller.js";
import type { Connection } from "./connection.js";
import { closedFault } from "./faults.js";
import { ignoreTurn, type SentTurn, StatementTurn, type TurnText } from "./turn.js";

/** A connection that has not rolled back by then is closed. */
const ROLLBACK_MS = 250;
const late = () =>
  delay(ROLLBACK_MS, undefined, { ref: false }).then(() => Promise.reject(new Error("There was no rollback in time.")));

export type TransactionWork<T> = (inside: Session) => Promise<T>;

interface Session {
  unsafe(...text: TurnText): SentTurn;
  savepoint<T>(work: TransactionWork<T>): Promise<T>;
}

/** @param timeoutMs the limit of each statement */
function sessionOn(connection: Connection, timeoutMs: number | undefined): Session {
  let savepoints = 0;
  let last: Promise<unknown> = Promise.resolve();
  /** Sends one at a time, so that a cancel request can hit no other. On a closed connection the driver would open a new one. */
  function unsafe(...text: TurnText): SentTurn {
    const turn = new StatementTurn(text, false, undefined, false, timeoutMs, (turn) => connection.stop(turn));
    const send = () => {
      if (connection.hasClosed) turn.reject(closedFault());
      else if (!turn.isSettled) connection.send(turn);
    };
    turn.answer.catch(ignoreTurn);
    last = last
      .then(() => connection.stopping)
      .then(send)
      .then(() => turn.answer)
      .catch(ignoreTurn);
    return turn.asDriver();
  }
  const session: Session = {
    unsafe,
    async savepoint(work) {
      const name = `s${savepoints++}`;
      await unsafe(`savepoint ${name}`);
      try {
        return await work(session);
      } catch (error) {
        await unsafe(`rollback to ${name}`);
        throw error;
      }
    },
  };
  return session;
}

/** @param connection one that nobody else uses meanwhile */
export async function transactionOn<T>(
  connection: Connection,
  timeoutMs: number | undefined,
  work: TransactionWork<T>,
): Promise<T> {
  const session = sessionOn(connection, timeoutMs);
  async function run(): Promise<T> {
    await session.unsafe("begin");
    const result = await work(session);
    const { command } = (await session.unsafe("commit")) as unknown as { command: string };
    // Where the work ignored a failed statement, PostgreSQL answers COMMIT with a silent ROLLBACK.
    if (command !== "COMMIT") throw new Error(`the transaction ended with ${command}`);
    return result;
  }
  /** Fails as soon as the connection closes, even if the work waits for something else then. */
  const unlessLost = <R>(running: PromiseLike<R>) =>
    new Promise<R>((resolve, reject) => {
      connection.onLost = reject;
      running.then(resolve, reject);
      if (connection.hasClosed) reject(closedFault());
    });
  try {
    return await unlessLost(run());
  } catch (error) {
    // The rollback does not count against the caller's time: nobody else may enter this transaction.
    const undone = asCaller(POSTERN_CALLER, () => session.unsafe("rollback"));
    await Promise.race([unlessLost(undone), late()]).catch(() => connection.close());
    throw error;
  } finally {
    connection.onLost = undefined;
  }
}
