/** A transaction on a connection that it has for itself, as drizzle takes it from the driver. */
import { setTimeout as delay } from "node:timers/promises";
import { asCaller, POSTERN } from "../../values/caller.js";
import type { Connection } from "./connection.js";
import { closed, noop, type Sent, StatementTurn, type Text } from "./turn.js";

/** A connection that does not roll back by then is closed. */
const ROLLBACK_MS = 250;
const late = () =>
  delay(ROLLBACK_MS, undefined, { ref: false }).then(() => Promise.reject(new Error("There was no rollback in time.")));

export type Work<T> = (inside: Session) => Promise<T>;

export interface Session {
  unsafe(...text: Text): Sent;
  savepoint<T>(work: Work<T>): Promise<T>;
}

/** @param timeoutMs for each statement */
function sessionOn(connection: Connection, timeoutMs: number | undefined): Session {
  let savepoints = 0;
  let last: Promise<unknown> = Promise.resolve();
  /** One after the other: a cancel request must meet none but its own. Where the connection has closed, the driver would open another. */
  function unsafe(...text: Text): Sent {
    const turn = new StatementTurn(text, false, undefined, false, timeoutMs, (turn) => connection.stop(turn));
    const send = () => {
      if (connection.hasClosed) turn.reject(closed());
      else if (!turn.isSettled) connection.send(turn);
    };
    turn.answer.catch(noop);
    last = last
      .then(() => connection.stopping)
      .then(send)
      .then(() => turn.answer)
      .catch(noop);
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

/** @param connection which nothing else is sent to */
export async function transactionOn<T>(
  connection: Connection,
  timeoutMs: number | undefined,
  work: Work<T>,
): Promise<T> {
  const session = sessionOn(connection, timeoutMs);
  async function run(): Promise<T> {
    await session.unsafe("begin");
    const result = await work(session);
    const { command } = (await session.unsafe("commit")) as unknown as { command: string };
    // A statement failed, and the work went on: PostgreSQL then rolls back without a fault.
    if (command !== "COMMIT") throw new Error(`the transaction ended with ${command}`);
    return result;
  }
  /** The work may wait for something else while its connection closes. */
  const unlessLost = <R>(running: PromiseLike<R>) =>
    new Promise<R>((resolve, reject) => {
      connection.onLost = reject;
      running.then(resolve, reject);
      if (connection.hasClosed) reject(closed());
    });
  try {
    return await unlessLost(run());
  } catch (error) {
    // Whatever time the caller has left: nobody else may come into its transaction.
    const undone = asCaller(POSTERN, () => session.unsafe("rollback"));
    await Promise.race([unlessLost(undone), late()]).catch(() => connection.close());
    throw error;
  } finally {
    connection.onLost = undefined;
  }
}
