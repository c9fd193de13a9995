/** The connections to one database: a driver's client for each, because the driver's own pool gets slower with every query. */
import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import type { Sql } from "postgres";

/** More than any number of statements: these pass by a connection that a transaction holds, unless all are held. */
const TRANSACTION = 1_000_000;
/** Statements that share a connection because they come in the same turn of the event loop, at most. */
const TOGETHER = 8;

interface Connection {
  readonly sql: Sql;
  readonly db: PostgresJsDatabase;
  /** What is under way, or waits for it. */
  load: number;
}

export interface Pool {
  /** For statements outside transactions. */
  readonly db: PostgresJsDatabase;
  /** Sends one statement. */
  readonly unsafe: Sql["unsafe"];
  /**
   * Sends one statement that waits for nothing and is soon done. Those of one turn of the event loop share a connection: the
   * driver writes them to its socket at once, which costs more than all else that it does.
   */
  readonly unsafeTogether: Sql["unsafe"];
  readonly transaction: PostgresJsDatabase["transaction"];
  /** @param timeout seconds that what is under way may take to end */
  end(options: { timeout: number }): Promise<void>;
}

/** @param open a client that opens one connection, once it is needed */
export function createPool(open: () => Sql, size: number): Pool {
  const connections = Array.from({ length: size }, (): Connection => {
    const sql = open();
    // For its effect on the client, too: dates and JSON pass through as text.
    return { sql, db: drizzle(sql, { casing: "snake_case" }), load: 0 };
  });

  /** The connection with the least to do; of several the first, so that no more are open than are needed. */
  function idlest(): Connection {
    let found = connections[0] as Connection;
    for (const connection of connections) {
      if (connection.load < found.load) found = connection;
      if (found.load === 0) break;
    }
    return found;
  }

  function sendOn(connection: Connection, statement: Parameters<Sql["unsafe"]>) {
    connection.load += 1;
    const sent = connection.sql.unsafe(...statement);
    const ended = () => {
      connection.load -= 1;
    };
    sent.then(ended, ended);
    return sent as never;
  }
  const unsafe: Sql["unsafe"] = (...statement) => sendOn(idlest(), statement);

  let shared: Connection | undefined;
  let sharing = 0;
  const endTurn = () => {
    shared = undefined;
  };
  const unsafeTogether: Sql["unsafe"] = (...statement) => {
    if (!shared || sharing === TOGETHER) {
      if (!shared) setImmediate(endTurn);
      shared = idlest();
      sharing = 0;
    }
    sharing += 1;
    return sendOn(shared, statement);
  };
  const { options } = connections[0]!.sql;

  return {
    db: drizzle({ client: { options, unsafe } as Sql, casing: "snake_case" }),
    unsafe,
    unsafeTogether,
    async transaction(...work) {
      const connection = idlest();
      connection.load += TRANSACTION;
      try {
        return await connection.db.transaction(...work);
      } finally {
        connection.load -= TRANSACTION;
      }
    },
    async end(options) {
      await Promise.all(connections.map(({ sql }) => sql.end(options)));
    },
  };
}
