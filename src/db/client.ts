/** The connection pool of Postern's database, and the one type that every store takes. */
import { sql } from "drizzle-orm";
import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import postgres, { type Options, type Sql } from "postgres";
import { fromPostgres } from "./postgres-errors.js";

/** The pool, or a transaction of it: what a store function takes first. */
export type Db = Pick<PostgresJsDatabase, "select" | "insert" | "update" | "delete" | "execute" | "transaction">;

export interface ClientOptions {
  /** A connection URL, or postgres.js options where the database is embedded. */
  readonly connection: string | Options<Record<string, never>>;
  /** Connections at most. */
  readonly poolSize: number;
  /** Told of every statement; tests count them. */
  readonly onStatement?: ((text: string) => void) | undefined;
}

export interface Client {
  readonly db: Db;
  /** The driver itself, for statements that the read planner writes. drizzle has made it pass dates and JSON through as text. */
  readonly sql: Sql;
  /** @throws UNAVAILABLE when the database does not answer in time (milliseconds) */
  ping(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

const DRAIN_SECONDS = 5;

export function createClient({ connection, poolSize, onStatement }: ClientOptions): Client {
  const options: Options<Record<string, never>> = {
    max: poolSize,
    connect_timeout: 5,
    // Ids and moments stay text; nothing of ours needs the types of arrays, so no extra statement at connect.
    fetch_types: false,
    onnotice: () => undefined,
    ...(onStatement && { debug: (_connection: number, text: string) => onStatement(text) }),
  };
  const client = (
    typeof connection === "string" ? postgres(connection, options) : postgres({ ...connection, ...options })
  ) as Sql;
  const db = drizzle(client, { casing: "snake_case" });
  // Faults of BEGIN and COMMIT meet no store function.
  const transaction = db.transaction.bind(db);
  db.transaction = (work, config) => transaction(work, config).catch((error) => Promise.reject(fromPostgres(error)));
  return {
    db,
    sql: client,
    async ping(timeoutMs) {
      const late = new Promise<never>((_, reject) =>
        setTimeout(() => reject(fromPostgres({ code: "CONNECT_TIMEOUT" })), timeoutMs).unref(),
      );
      await Promise.race([db.execute(sql`select 1`).catch((error) => Promise.reject(fromPostgres(error))), late]);
    },
    close: () => client.end({ timeout: DRAIN_SECONDS }),
  };
}
