/** How Postern uses its database: bounded in time and number, with faults of ours, and the one type that every store takes. */
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import postgres, { type Options, type Sql } from "postgres";
import { outcomeUnknown, timeout, unavailable } from "../errors.js";
import { createPool } from "./pool.js";
import { fromPostgres, fromRead, wasLost } from "./postgres-errors.js";

/** The pool, or a transaction of it: what a store function takes first. */
export type Db = Pick<
  PostgresJsDatabase,
  "select" | "selectDistinct" | "selectDistinctOn" | "insert" | "update" | "delete" | "execute"
> & {
  transaction<T>(work: (db: Db) => Promise<T>): Promise<T>;
  /**
   * Runs one statement that changes something and answers its only row; outside a transaction it is one of its own.
   * @param prepare whether the text will come again
   * @throws the driver's faults
   */
  change(text: string, parameters: readonly unknown[], prepare: boolean): Promise<readonly (string | null)[]>;
};

export interface ClientOptions {
  /** A connection URL, or postgres.js options where the database is embedded. */
  readonly connection: string | Options<Record<string, never>>;
  /** Connections at most. */
  readonly poolSize: number;
  /** The server's time-out for a statement; a server that does not even say so is given up a little later. */
  readonly statementTimeoutMs?: number;
  /** Told of every statement; tests count them. */
  readonly onStatement?: ((text: string) => void) | undefined;
}

export interface Client {
  readonly db: Db;
  /**
   * Runs one statement of the read planner and answers its only row.
   * @param together whether it is soon done, so that it may share a connection with others that are
   * @param sinceMs when its time began, by `performance.now()`: now unless given @throws TIMEOUT, UNAVAILABLE, LIMIT_EXCEEDED
   */
  query(
    text: string,
    parameters: unknown[],
    prepare: boolean,
    together: boolean,
    sinceMs?: number,
  ): Promise<readonly (string | null)[]>;
  /** @throws UNAVAILABLE or TIMEOUT when the database does not answer in time (milliseconds) */
  ping(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Longer than the server's own time-out, which stops a statement on a server that answers. */
const DEADLINE_GRACE_MS = 3000;
/** Planned reads and lone changes that run or wait for a connection. */
const MAX_QUERIES = 1000;

/** @throws TIMEOUT when the work takes longer, after telling it to stop; whatever becomes of it then, somebody has been answered */
function before<T>(ms: number, work: PromiseLike<T>, stop?: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      stop?.();
      reject(timeout());
    }, ms);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

type Unsafe = Sql["unsafe"];

/** A statement that answers one row, on its way. */
const sending = (unsafe: Unsafe, ...[text, parameters, prepare]: Parameters<Db["change"]>) =>
  unsafe(text, parameters as never[], { prepare }).values() as unknown as PromiseLike<readonly (string | null)[][]> & {
    cancel(): void;
  };

const onlyRow = (rows: readonly (string | null)[][]) => rows[0] as readonly (string | null)[];

/** @returns `transaction` that tells of faults of BEGIN and COMMIT, which meet no store function */
const transactionOver =
  (transaction: PostgresJsDatabase["transaction"]): Db["transaction"] =>
  async (work) => {
    let committing = false;
    try {
      return await transaction(async (inside) => {
        const { client } = inside._.session as unknown as { client: Sql };
        const result = await work(
          Object.assign(inside, {
            change: (...statement: Parameters<Db["change"]>) =>
              Promise.resolve(sending(client.unsafe, ...statement)).then(onlyRow),
            transaction: transactionOver(inside.transaction.bind(inside)),
          }),
        );
        committing = true;
        return result;
      });
    } catch (error) {
      const fault = fromPostgres(error);
      throw committing && fault.code === "UNAVAILABLE" ? outcomeUnknown(error) : fault;
    }
  };

export function createClient({
  connection,
  poolSize,
  statementTimeoutMs = 10_000,
  onStatement,
}: ClientOptions): Client {
  const options: Options<Record<string, never>> = {
    // See the pool.
    max: 1,
    connect_timeout: 5,
    // Seconds between attempts of the probe; the pool's clients begin anew.
    backoff: (attempt) => Math.min(3 ** attempt / 100, 1),
    // The pool replaces its clients. What the driver then still connects for them ends by this.
    max_lifetime: null,
    idle_timeout: 60,
    // Ids and moments stay text; nothing of ours needs the types of arrays, so no extra statement at connect.
    fetch_types: false,
    onnotice: () => undefined,
    ...(onStatement && { debug: (_connection: number, text: string) => onStatement(text) }),
  };
  const open = (onclose = () => {}) =>
    (typeof connection === "string"
      ? postgres(connection, { ...options, onclose })
      : postgres({ ...connection, ...options, onclose })) as Sql;
  const pool = createPool(open, poolSize);
  // Its own connection: a busy pool is no database that is down.
  const probe = open();
  let pinging: Promise<void> | undefined;
  let queries = 0;
  const deadlineMs = statementTimeoutMs + DEADLINE_GRACE_MS;
  /** Runs a statement on the pool, in time, and not too many of them. @param onLate told when it is given up */
  async function bounded(unsafe: Unsafe, statement: Parameters<Db["change"]>, onLate = () => {}, ms = deadlineMs) {
    if (ms <= 0) throw timeout();
    if (queries >= MAX_QUERIES) throw unavailable("The database");
    queries += 1;
    const running = sending(unsafe, ...statement);
    const stop = () => {
      onLate();
      running.cancel();
    };
    try {
      return onlyRow(await before(ms, running, stop));
    } finally {
      queries -= 1;
    }
  }
  const db: Db = Object.assign(pool.db, {
    change(...statement: Parameters<Db["change"]>) {
      let late = false;
      const onLate = () => {
        late = true;
      };
      return bounded(pool.unsafe, statement, onLate).catch((error) => {
        // What is sent alone commits alone.
        throw late || wasLost(error) ? outcomeUnknown(error) : error;
      });
    },
    transaction: transactionOver(pool.db.transaction.bind(pool.db)),
  });
  return {
    db,
    query(text, parameters, prepare, together, sinceMs) {
      const unsafe = together ? pool.unsafeTogether : pool.unsafe;
      // Of what runs once more only the rest is left.
      const ms = sinceMs === undefined ? deadlineMs : sinceMs + statementTimeoutMs - performance.now();
      return bounded(unsafe, [text, parameters, prepare], undefined, ms).catch((error) => {
        throw fromRead(error);
      });
    },
    async ping(timeoutMs) {
      // Those who ask at once share one answer, so that health checks cannot pile up.
      pinging ??= probe`select 1`
        .then(
          () => undefined,
          (error) => Promise.reject(fromPostgres(error)),
        )
        .finally(() => {
          pinging = undefined;
        });
      await before(timeoutMs, pinging);
    },
    close: async () => {
      await Promise.all([pool.end(), probe.end({ timeout: 0 })]);
    },
  };
}
