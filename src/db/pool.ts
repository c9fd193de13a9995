/** The connections to one database, each a driver's client of its own: the driver's pool slows down with every query, and its transactions end the process where their connection is lost. */
import { setTimeout as delay } from "node:timers/promises";
import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import type { Sql } from "postgres";
import { closed, noop, pending, type Sent, type Statement, transactionOn } from "./transaction.js";

/** More than any number of statements: nothing else goes to a client that a transaction holds. */
const TRANSACTION = 1_000_000;
/** Statements that share a client because they come in the same turn of the event loop, at most. */
const TOGETHER = 8;
/** Seconds that what is under way may take to end. */
const DRAIN_SECONDS = 5;
/** Prepared statements go with their connection (see the planner, which bounds them by time). */
const LIFETIME_MS = 1_800_000;

/** A client of the driver with one connection, and for no longer than that. */
interface Client {
  readonly sql: Sql;
  readonly endsAtMs: number;
  /** What is under way, or waits for it. */
  load: number;
  hasClosed: boolean;
  /** Told when the connection closes under a transaction. */
  onLost: ((fault: Error) => void) | undefined;
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

/** @param open a client that opens one connection, once it is needed, and tells when it has closed */
export function createPool(open: (onclose: () => void) => Sql, size: number): Pool {
  let isEnding = false;
  /** What waits because transactions hold all clients, in order. */
  const waiting: ((client: Client) => void)[] = [];
  const isHeld = ({ load }: Client) => load >= TRANSACTION;
  const transactions = new Set<Promise<unknown>>();
  /** Where statements go together in this turn of the event loop, and how many have. */
  let shared: Client | undefined;
  let sharing = 0;

  function connect(): Client {
    const sql = open(() => {
      client.hasClosed = true;
      client.onLost?.(closed());
      replace(client);
    });
    // For its effect on the client: dates and JSON pass through as text.
    drizzle(sql);
    const client: Client = { sql, endsAtMs: Date.now() + LIFETIME_MS, load: 0, hasClosed: false, onLost: undefined };
    return client;
  }
  const clients = Array.from({ length: size }, connect);

  /**
   * Also where its connection has closed: the driver's client would give the fault to the next statement too, and keep what was not yet
   * written. @param timeout seconds that what it has got may still take
   */
  function replace(client: Client, timeout?: number): void {
    const index = clients.indexOf(client);
    if (isEnding || index < 0) return;
    clients[index] = connect();
    if (shared === client) shared = undefined;
    client.sql.end(timeout === undefined ? {} : { timeout }).catch(noop);
    serveWaiting();
  }

  /** The client with the least to do; of several the first, so that no more connections are open than are needed. */
  function idlest(): Client {
    let found = clients[0] as Client;
    for (const client of clients) {
      if (client.load < found.load) found = client;
      if (found.load === 0) break;
    }
    if (isEnding || Date.now() <= found.endsAtMs || isHeld(found)) return found;
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
    // What is given up has not answered for longer than the server allows: nothing does on that connection. The driver's own way gives
    // the answer of a statement that waits behind another to the next one, and ends the process where the server cannot be reached.
    return Object.assign(sent, { cancel: () => replace(client, 0) });
  }
  const send = (client: Client, statement: Statement): Sent =>
    isHeld(client) ? pending((client) => sendOn(client, statement), whenFree) : sendOn(client, statement);

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

  function begin<T>(work: (inside: unknown) => Promise<T>): Promise<T> {
    const transaction = transact(work);
    transactions.add(transaction);
    const ended = () => transactions.delete(transaction);
    transaction.then(ended, ended);
    return transaction;
  }
  async function transact<T>(work: (inside: unknown) => Promise<T>): Promise<T> {
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
    /** Not every statement is told that its connection has closed. */
    const unlessLost = <R>(running: PromiseLike<R>) =>
      new Promise<R>((resolve, reject) => {
        client.onLost = reject;
        running.then(resolve, reject);
        if (client.hasClosed) reject(closed());
      });
    try {
      return await unlessLost(run());
    } catch (error) {
      await unlessLost(session.unsafe("rollback")).catch(noop);
      throw error;
    } finally {
      client.onLost = undefined;
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
      await Promise.race([Promise.allSettled(transactions), delay(DRAIN_SECONDS * 1000, undefined, { ref: false })]);
      await Promise.all(clients.map(({ sql }) => sql.end({ timeout: DRAIN_SECONDS })));
    },
  };
}
