/** What the pool answers in the driver's stead: statements that wait, and transactions on a client that they have for themselves. */
import type { PendingQuery, Sql } from "postgres";

export type Statement = Parameters<Sql["unsafe"]>;
export type Sent = PendingQuery<never>;

export const noop = () => undefined;
const fault = (message: string, code: string) => Object.assign(new Error(message), { code });
export const closed = () => fault("The connection has closed.", "CONNECTION_CLOSED");

/** @returns what the driver answers where a connection has closed */
function lost(): Sent {
  const rejected = Promise.reject(closed());
  rejected.catch(noop);
  return Object.assign(rejected, { values: () => rejected }) as unknown as Sent;
}

/** @param wait is given what sends a statement, for later @returns what the driver answers, for a statement that waits */
export function pending<Given>(send: (given: Given) => Sent, wait: (take: (given: Given) => void) => void): Sent {
  let hasValues = false;
  let isCancelled = false;
  let sent: Sent | undefined;
  const result = new Promise((resolve, reject) => {
    wait((given) => {
      if (isCancelled) return reject(fault("given up before it was sent", "57014"));
      sent = send(given);
      resolve(hasValues ? sent.values() : sent);
    });
  });
  const values = () => {
    hasValues = true;
    return result;
  };
  const cancel = () => {
    isCancelled = true;
    sent?.cancel();
  };
  return Object.assign(result, { values, cancel }) as unknown as Sent;
}

/** A transaction as drizzle takes it from the driver, on a client that it has for itself. */
export function transactionOn(client: { readonly sql: Sql; readonly hasClosed: boolean }) {
  const { sql } = client;
  let savepoints = 0;
  let last: Promise<unknown> = Promise.resolve();
  // Where the connection has closed, the driver would write to no socket, or outside the transaction to its next connection. So would
  // it with what waits in its own queue: one after the other.
  const unsafe = (...statement: Statement): Sent => {
    const before = last;
    const sent = pending<unknown>(
      () => (client.hasClosed ? lost() : (sql.unsafe(...statement) as Sent)),
      (take) => before.then(take),
    );
    last = sent.then(noop, noop);
    return sent;
  };
  const session = {
    options: sql.options,
    unsafe,
    async savepoint<T>(work: (inside: unknown) => Promise<T>): Promise<T> {
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
