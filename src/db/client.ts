/** How Postern uses its database: bounded in time and number, with faults of ours, and the one type that every store takes. */
import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import postgres, { type Options, type Sql } from "postgres";
import { outcomeUnknown, timeout } from "../errors.js";
import type { Log } from "../log.js";
import type { Caller } from "../values/caller.js";
import { GRACE_MS } from "../values/request-time.js";
import { CASING } from "./dialect.js";
import { Opening } from "./driver/opening.js";
import { createPool } from "./driver/pool.js";
import { KNOWN_STATEMENTS, type Pooler } from "./driver/pooler.js";
import { forbidRetries } from "./driver/retries.js";
import { CHECK, createOpener } from "./driver/settings.js";
import type { UsualTime } from "./driver/usual-time.js";
import { fromPostgres, fromRead, wasLost } from "./postgres-errors.js";

/** The pool, or a transaction of it: what a store function takes first. What fails throws an AppError. */
export type Db = Pick<
  PostgresJsDatabase,
  "select" | "selectDistinct" | "selectDistinctOn" | "insert" | "update" | "delete" | "execute"
> & {
  transaction<T>(work: (db: Db) => Promise<T>): Promise<T>;
  /**
   * Runs one statement that changes something and answers its only row; outside a transaction it is one of its own.
   * @param prepare whether the text will come again
   * @param usual of the runs before, where it has come again
   * @throws what all statements do: AppErrors, with the driver's fault as their cause
   */
  change(
    text: string,
    parameters: readonly unknown[],
    prepare: boolean,
    usual?: UsualTime,
  ): Promise<readonly (string | null)[]>;
};

export interface ClientOptions {
  /** A connection URL, or postgres.js options where the database is embedded. */
  readonly connection: string | Options<Record<string, never>>;
  /** Connections at most. */
  readonly poolSize: number;
  /** The server's time-out for a statement; a little later it is given up, waiting for a connection included. Undefined is for ever. */
  readonly statementTimeoutMs?: number;
  /** Told of every statement; tests count them. */
  readonly onStatement?: ((text: string) => void) | undefined;
  readonly log?: Log;
  /** Takes connections with any settings: for giving the role its own. */
  readonly anySettings?: boolean;
}

export interface Client {
  readonly db: Db;
  /**
   * Runs one statement of the read planner and answers its only row.
   * @param usual of the runs before, where it has come again
   * @throws TIMEOUT, UNAVAILABLE, LIMIT_EXCEEDED
   */
  query(text: string, parameters: unknown[], prepare: boolean, usual?: UsualTime): Promise<readonly (string | null)[]>;
  /** @returns whether the database takes changes @throws UNAVAILABLE or TIMEOUT when it does not answer in time (milliseconds) */
  look(timeoutMs: number): Promise<boolean>;
  /** What connections are opened with, for whoever brings a driver of its own. */
  startUp(): Readonly<Record<string, string>>;
  /** What the newest connection has met between Postern and PostgreSQL. */
  pooler(): Pooler;
  /** Nobody waits for the caller's answer any more: what it reads is stopped. Changes are not: they are wanted, and their record says what happened. */
  leave(caller: Caller): void;
  close(): Promise<void>;
}

const LOOK_MS = 1000;
/** Of a standby it is false; that a role may be read-only, our settings override. */
const LOOK = "select (not pg_catalog.pg_is_in_recovery())::text";
/** What nobody has asked for. */
const UNASKED = new Set([CHECK, KNOWN_STATEMENTS, LOOK]);

/** @throws TIMEOUT when the work takes longer; whatever becomes of it then, somebody has been answered */
async function before<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(timeout()), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

const onlyRow = (rows: readonly (string | null)[][]) => rows[0] as readonly (string | null)[];

const failed = (error: unknown): never => {
  throw fromPostgres(error);
};

/**
 * Lets what drizzle runs throw AppErrors, by the one function through which all its statements go. Its own error around the driver's
 * holds the statement with all its values, and is left out.
 */
function translated<D extends object>(drizzled: D): D {
  const { session } = drizzled as unknown as { session: { prepareQuery(...query: unknown[]): object } };
  const prepareQuery = session.prepareQuery.bind(session);
  const queryWithCache = (_text: string, _values: unknown[], run: () => Promise<unknown>) => run().catch(failed);
  session.prepareQuery = (...query) => Object.assign(prepareQuery(...query), { queryWithCache });
  return drizzled;
}

/** @returns `transaction` that tells of faults of BEGIN and COMMIT too */
const transactionOver =
  (transaction: PostgresJsDatabase["transaction"]): Db["transaction"] =>
  async (work) => {
    let committing = false;
    try {
      return await transaction(async (inside) => {
        const { client } = inside._.session as unknown as { client: Sql };
        const result = await work(
          Object.assign(translated(inside), {
            change: (text: string, parameters: readonly unknown[], prepare: boolean) =>
              client
                .unsafe(text, parameters as never[], { prepare })
                .values()
                .then((rows) => onlyRow(rows), failed),
            transaction: transactionOver(inside.transaction.bind(inside)),
          }),
        );
        committing = true;
        return result;
      });
    } catch (error) {
      const fault = fromPostgres(error);
      throw committing && (fault.code === "UNAVAILABLE" || wasLost(error)) ? outcomeUnknown(error) : fault;
    }
  };

export function createClient({
  connection,
  poolSize,
  statementTimeoutMs,
  onStatement,
  log,
  anySettings = false,
}: ClientOptions): Client {
  const options: Options<Record<string, never>> = {
    // See the pool.
    max: 1,
    connect_timeout: 5,
    // The pool replaces its clients. What the driver then still connects for them ends by this.
    max_lifetime: null,
    idle_timeout: 60,
    // Ids and moments stay text; nothing of ours needs the types of arrays, so no extra statement at connect.
    fetch_types: false,
    onnotice: () => undefined,
    ...(onStatement && { debug: (_connection: number, text: string) => !UNASKED.has(text) && onStatement(text) }),
  };
  const connect = (startUp: Readonly<Record<string, string>>, onclose: () => void, socket: Opening["socket"]): Sql => {
    const all = { ...options, onclose, socket, connection: startUp };
    const sql = (
      typeof connection === "string" ? postgres(connection, all) : postgres({ ...connection, ...all })
    ) as Sql;
    forbidRetries(sql);
    // For its effect on the client: dates and JSON pass through as text.
    drizzle(sql);
    return sql;
  };
  const { startUp, pooler, ...opening } = createOpener(connect, statementTimeoutMs, log, anySettings);
  const deadlineMs = statementTimeoutMs === undefined ? undefined : statementTimeoutMs + GRACE_MS;
  const pool = createPool(opening, poolSize, deadlineMs);
  // Its own connection: a busy pool is no database that is down. One that was lost in silence must not be waited for.
  const probe = createPool(opening, 1, Math.min(LOOK_MS, deadlineMs ?? LOOK_MS));
  /** Through a pooler nothing is sent behind another. */
  const known = (usual: UsualTime | undefined) => (pooler() ? undefined : usual);
  let looking: Promise<boolean> | undefined;

  // No connection is opened for its options.
  const driver = {
    ...pool.driver,
    options: connect({}, () => undefined, new Opening().socket).options,
  } as unknown as Sql;
  const drizzled = translated(drizzle({ client: driver, casing: CASING }));
  const db: Db = Object.assign(drizzled, {
    change: (text: string, parameters: readonly unknown[], prepare: boolean, usual?: UsualTime) =>
      pool
        .run([text, parameters as never[], { prepare }], { isRead: false, usual: known(usual) })
        .then(onlyRow, (error) => {
          // What is sent alone commits alone.
          throw wasLost(error) ? outcomeUnknown(error) : fromPostgres(error);
        }),
    transaction: transactionOver(drizzled.transaction.bind(drizzled)),
  });
  return {
    db,
    query(text, parameters, prepare, usual) {
      return pool
        .run([text, parameters as never[], { prepare }], { isRead: true, usual: known(usual) })
        .then(onlyRow, (error) => {
          throw fromRead(error);
        });
    },
    async look(timeoutMs) {
      // Those who look at once share one answer, so that looks cannot pile up.
      looking ??= probe
        .run([LOOK, [], {}], { isRead: true, usual: undefined })
        .then(([row]) => row?.[0] === "true", failed)
        .finally(() => {
          looking = undefined;
        });
      return before(timeoutMs, looking);
    },
    startUp,
    pooler,
    leave: pool.leave,
    close: async () => {
      await Promise.all([pool.end(), probe.end()]);
    },
  };
}
