/**
 * The connections to one database. Each is a client of the driver for itself: the driver's own pool gets slower with every query,
 * and its transactions end the process where their connection is lost (postgres.js 3.4.9).
 */
import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import type { PendingQuery, Sql } from "postgres";

/** More than any number of statements: nothing else goes to a client that a transaction holds. */
const TRANSACTION = 1_000_000;
/** Statements that share a client because they come in the same turn of the event loop, at most. */
const TOGETHER = 8;
/** Seconds that what is under way may take to end. */
const DRAIN_SECONDS = 5;
/** Prepared statements go with their connection (see the planner, which bounds them by time). */
const LIFETIME_MS = 1_800_000;

type Statement = Parameters<Sql["unsafe"]>;
type Sent = PendingQuery<never>;

/** A client of the driver with one connection, and for no longer than that. */
interface Client {
  readonly sql: Sql;
  readonly endsAtMs: number;
  /** What is under way, or waits for it. */
  load: number;
  hasClosed: boolean;
  /** Rejects when the connection has closed. */
  readonly closing: Promise<never>;
}

export interface Pool {
  readonly db: PostgresJsDatabase;
  /** Sends one statement. */
  readonly unsafe: Sql["unsafe"];
  /**
   * Sends one statement that waits for nothing and is soon done. Those of one turn of the event loop share a connection: the
   * driver writes them to its socket at once, which costs more than all else that it does.
   */
  readonly unsafeTogether: Sql["unsafe"];
  end(): Promise<void>;
}

const fault = (message: string, code: string) => Object.assign(new Error(message), { code });

/** @param wait is given what sends a statement, for later @returns what the driver answers, for a statement that waits */
function pending(send: (client: Client) => Sent, wait: (take: (client: Client) => void) => void): Sent {
  let hasValues = false;
  let isCancelled = false;
  let sent: Sent | undefined;
  const result = new Promise((resolve, reject) => {
    wait((client) => {
      if (isCancelled) return reject(fault("given up before it was sent", "57014"));
      sent = send(client);
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
function transactionOn(client: Client) {
  const { sql, closing } = client;
  let savepoints = 0;
  // Where the connection has closed, the driver would write to no socket, or outside the transaction to its next connection.
  const unsafe = (...statement: Statement): Sent =>
    client.hasClosed
      ? (Object.assign(closing.then(), { values: () => closing }) as unknown as Sent)
      : (sql.unsafe(...statement) as Sent);
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

/** @param open a client that opens one connection, once it is needed, and tells when it has closed */
export function createPool(open: (onclose: () => void) => Sql, size: number): Pool {
  let isEnding = false;
  /** What waits because transactions hold all clients, in order. */
  const waiting: ((client: Client) => void)[] = [];
  const isHeld = ({ load }: Client) => load >= TRANSACTION;

  function connect(): Client {
    let close = (_reason: Error) => {};
    const closing = new Promise<never>((_resolve, reject) => {
      close = reject;
    });
    closing.catch(() => undefined);
    const sql = open(() => {
      client.hasClosed = true;
      close(fault("The connection has closed.", "CONNECTION_CLOSED"));
      replace(client);
    });
    // For its effect on the client: dates and JSON pass through as text.
    drizzle(sql);
    const client = { sql, endsAtMs: Date.now() + LIFETIME_MS, load: 0, hasClosed: false, closing };
    return client;
  }
  const clients = Array.from({ length: size }, connect);

  /**
   * Also where its connection has closed: the driver's client would give the fault to the next statement too, and keep what was not
   * yet written. What is under way on it ends there.
   */
  function replace(client: Client): void {
    const index = clients.indexOf(client);
    if (isEnding || index < 0) return;
    clients[index] = connect();
    client.sql.end().catch(() => undefined);
    serveWaiting();
  }

  /** The client with the least to do; of several the first, so that no more connections are open than are needed. */
  function idlest(): Client {
    let found = clients[0] as Client;
    for (const client of clients) {
      if (client.load < found.load) found = client;
      if (found.load === 0) break;
    }
    if (Date.now() <= found.endsAtMs || isHeld(found)) return found;
    replace(found);
    return idlest();
  }

  /** @param take is given the idlest client, at once or as soon as no transaction holds it */
  function whenFree(take: (client: Client) => void): void {
    const client = idlest();
    if (isHeld(client)) waiting.push(take);
    else take(client);
  }
  function serveWaiting(): void {
    while (waiting.length > 0 && !isHeld(idlest())) waiting.shift()?.(idlest());
  }

  function sendOn(client: Client, statement: Statement): Sent {
    client.load += 1;
    const sent = client.sql.unsafe(...statement) as Sent;
    const ended = () => {
      client.load -= 1;
    };
    sent.then(ended, ended);
    return sent;
  }
  const send = (client: Client, statement: Statement): Sent =>
    isHeld(client) ? pending((client) => sendOn(client, statement), whenFree) : sendOn(client, statement);

  let shared: Client | undefined;
  let sharing = 0;
  const endTurn = () => {
    shared = undefined;
  };
  function sendTogether(...statement: Statement): Sent {
    if (!shared || sharing === TOGETHER || isHeld(shared)) {
      if (!shared) setImmediate(endTurn);
      shared = idlest();
      sharing = 0;
    }
    sharing += 1;
    return send(shared, statement);
  }

  async function begin<T>(work: (inside: unknown) => Promise<T>): Promise<T> {
    const client = await new Promise<Client>((resolve) => {
      whenFree((client) => {
        client.load += TRANSACTION;
        resolve(client);
      });
    });
    const session = transactionOn(client);
    async function run(): Promise<T> {
      await session.unsafe("begin");
      const result = await work(session);
      const { command } = await session.unsafe("commit");
      // A statement failed, and the work went on: PostgreSQL then rolls back without a fault.
      if (command !== "COMMIT") throw new Error(`the transaction ended with ${command}`);
      return result;
    }
    try {
      // Not every statement is told that its connection has closed.
      return await Promise.race([run(), client.closing]);
    } catch (error) {
      await Promise.race([session.unsafe("rollback"), client.closing]).catch(() => undefined);
      throw error;
    } finally {
      client.load -= TRANSACTION;
      serveWaiting();
    }
  }
  const unsafe = (...statement: Statement) => send(idlest(), statement);

  return {
    db: drizzle({
      client: { options: clients[0]!.sql.options, unsafe, begin } as unknown as Sql,
      casing: "snake_case",
    }),
    unsafe: unsafe as unknown as Sql["unsafe"],
    unsafeTogether: sendTogether as unknown as Sql["unsafe"],
    async end() {
      isEnding = true;
      await Promise.all(clients.map(({ sql }) => sql.end({ timeout: DRAIN_SECONDS })));
    },
  };
}
