/** The database client: it bounds statements in time and number, makes faults AppErrors, and gives every store its `Db`. */
import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import postgres, { type Options, type Sql } from "postgres";
import { outcomeUnknown, timeout } from "../errors.js";
import type { Log } from "../log.js";
import type { Caller } from "../values/caller.js";
import { REQUEST_GRACE_MS } from "../values/request-time.js";
import { withTimeout } from "../values/with-timeout.js";
import { CASING } from "./dialect.js";
import { Opening } from "./driver/opening.js";
import { createPool } from "./driver/pool.js";
import { type Pooler, STATEMENTS_BEHIND_POOLER } from "./driver/pooler.js";
import { forbidRetries } from "./driver/retries.js";
import { createSettingsOpener, SETTINGS_CHECK } from "./driver/settings.js";
import { logSlowStatements, type SlowStatements } from "./driver/slow-statements.js";
import { ignoreTurn } from "./driver/turn.js";
import type { UsualTime } from "./driver/usual-time.js";
import { fromPostgres, fromPostgresRead, isLostConnectionError } from "./postgres-errors.js";

/** The pool or one of its transactions, which every store function takes first. Faults are thrown as AppErrors. */
export type Db = Pick<
  PostgresJsDatabase,
  "select" | "selectDistinct" | "selectDistinctOn" | "insert" | "update" | "delete" | "execute"
> & {
  transaction<T>(work: (db: Db) => Promise<T>): Promise<T>;
  /**
   * Runs one statement that changes something and answers its only row. Outside a transaction it commits by itself.
   * @param prepare whether the text will come again
   * @param usual the time of its runs before, where the text has come again
   * @throws AppErrors, with the driver's fault as their cause
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
  /** Connections at most, beside the one of the readiness probe and other statements that wait for no request. */
  readonly poolSize: number;
  /** The server's limit of a statement. A little later Postern gives it up, waiting for a connection included. Undefined is no limit. */
  readonly statementTimeoutMs?: number;
  /** Is called for every statement, so that tests can count them. */
  readonly onStatement?: ((text: string) => void) | undefined;
  readonly log?: Log;
  readonly slow?: SlowStatements;
  /** Whether to accept connections with any settings, in order to give the role its own. */
  readonly anySettings?: boolean;
}

export interface Client {
  readonly db: Db;
  /**
   * Runs one statement of the read planner and answers its only row.
   * @param usual the time of its runs before, where the text has come again
   * @throws TIMEOUT, UNAVAILABLE, LIMIT_EXCEEDED
   */
  query(
    text: string,
    parameters: readonly unknown[],
    prepare: boolean,
    usual?: UsualTime,
  ): Promise<readonly (string | null)[]>;
  /**
   * Runs one statement of Postern's own that must not wait for requests, on the probe's connection. @returns its only row
   * @throws UNAVAILABLE, TIMEOUT after a second
   */
  queryApart(text: string, parameters: readonly unknown[]): Promise<readonly (string | null)[]>;
  /** @returns whether the database takes changes @throws UNAVAILABLE or TIMEOUT when it does not answer in time */
  isWritable(timeoutMs: number): Promise<boolean>;
  /** @returns the start-up parameters of connections, for pg-boss, which has a driver of its own */
  startUp(): Readonly<Record<string, string>>;
  /** @returns the pooler between Postern and PostgreSQL, by the newest connection */
  pooler(): Pooler;
  /** Stops the reads of a caller who waits for no answer any more. Changes go on, as they are wanted and recorded. */
  stopReads(caller: Caller): void;
  close(): Promise<void>;
}

const PROBE_MS = 1000;
/** It is false on a standby. A read-only role needs no look, since our settings override it. */
const PROBE = "select (not pg_catalog.pg_is_in_recovery())::text";
/** Statements that no request asked for. */
const OWN_STATEMENTS = new Set([SETTINGS_CHECK, STATEMENTS_BEHIND_POOLER, PROBE]);

const onlyRow = (rows: readonly (string | null)[][]) => rows[0] as readonly (string | null)[];

const throwTranslated = (error: unknown): never => {
  throw fromPostgres(error);
};

/**
 * Makes drizzle's statements throw AppErrors, in the one function through which they all go. Drizzle's own error is left out, because it
 * holds the statement with all its values.
 */
function withTranslatedFaults<D extends object>(drizzled: D): D {
  const { session } = drizzled as unknown as { session: { prepareQuery(...query: unknown[]): object } };
  const prepareQuery = session.prepareQuery.bind(session);
  const queryWithCache = (_text: string, _values: unknown[], run: () => Promise<unknown>) =>
    run().catch(throwTranslated);
  session.prepareQuery = (...query) => Object.assign(prepareQuery(...query), { queryWithCache });
  return drizzled;
}

/** @returns `transaction` that also translates the faults of BEGIN and COMMIT */
const transactionOver =
  (transaction: PostgresJsDatabase["transaction"]): Db["transaction"] =>
  async (work) => {
    let committing = false;
    try {
      return await transaction(async (inside) => {
        const { client } = inside._.session as unknown as { client: Sql };
        const result = await work(
          Object.assign(withTranslatedFaults(inside), {
            change: (text: string, parameters: readonly unknown[], prepare: boolean) =>
              client
                .unsafe(text, parameters as never[], { prepare })
                .values()
                .then((rows) => onlyRow(rows), throwTranslated),
            transaction: transactionOver(inside.transaction.bind(inside)),
          }),
        );
        committing = true;
        return result;
      });
    } catch (error) {
      const fault = fromPostgres(error);
      throw committing && (fault.code === "UNAVAILABLE" || isLostConnectionError(error))
        ? outcomeUnknown(error)
        : fault;
    }
  };

export function createClient({
  connection,
  poolSize,
  statementTimeoutMs,
  onStatement,
  log,
  slow,
  anySettings = false,
}: ClientOptions): Client {
  const options: Options<Record<string, never>> = {
    // The pool gives each connection a client of its own.
    max: 1,
    connect_timeout: 5,
    // The pool decides how long a connection lives. `idle_timeout` ends what the driver opens for replaced clients.
    max_lifetime: null,
    idle_timeout: 60,
    // This saves a statement at connect, which only arrays would need.
    fetch_types: false,
    onnotice: () => undefined,
    ...(onStatement && {
      debug: (_connection: number, text: string) => !OWN_STATEMENTS.has(text) && onStatement(text),
    }),
  };
  const connect = (startUp: Readonly<Record<string, string>>, onclose: () => void, socket: Opening["socket"]): Sql => {
    const all = { ...options, onclose, socket, connection: startUp };
    const sql = (
      typeof connection === "string" ? postgres(connection, all) : postgres({ ...connection, ...all })
    ) as Sql;
    forbidRetries(sql);
    // This changes the client as a side effect: dates and JSON pass through as text.
    drizzle(sql);
    return sql;
  };
  const { startUp, pooler, ...opening } = createSettingsOpener(connect, statementTimeoutMs, log, anySettings);
  const deadlineMs = statementTimeoutMs === undefined ? undefined : statementTimeoutMs + REQUEST_GRACE_MS;
  const ended = slow ? logSlowStatements(slow) : ignoreTurn;
  const pool = createPool(opening, poolSize, deadlineMs, ended);
  // The probe has its own connection, because a busy pool does not mean that the database is down.
  const probe = createPool(opening, 1, Math.min(PROBE_MS, deadlineMs ?? PROBE_MS), ignoreTurn);
  /** Through a pooler statements never share a connection, so their usual time does not matter. */
  const unlessPooled = (usual: UsualTime | undefined) => (pooler() ? undefined : usual);
  let probing: Promise<boolean> | undefined;

  // drizzle reads the options of a client. This one never opens its connection.
  const driver = {
    ...pool.driver,
    options: connect({}, () => undefined, new Opening().socket).options,
  } as unknown as Sql;
  const drizzled = withTranslatedFaults(drizzle({ client: driver, casing: CASING }));
  const db: Db = Object.assign(drizzled, {
    change: (text: string, parameters: readonly unknown[], prepare: boolean, usual?: UsualTime) =>
      pool
        .run([text, parameters as never[], { prepare }], { isRead: false, usual: unlessPooled(usual) })
        .then(onlyRow, (error) => {
          // It commits by itself, so after a lost connection it may be done.
          throw isLostConnectionError(error) ? outcomeUnknown(error) : fromPostgres(error);
        }),
    transaction: transactionOver(drizzled.transaction.bind(drizzled)),
  });
  return {
    db,
    query(text, parameters, prepare, usual) {
      return pool
        .run([text, parameters as never[], { prepare }], { isRead: true, usual: unlessPooled(usual) })
        .then(onlyRow, (error) => {
          throw fromPostgresRead(error);
        });
    },
    queryApart: (text, parameters) =>
      probe.run([text, parameters as never[], {}], { isRead: true, usual: undefined }).then(onlyRow, throwTranslated),
    async isWritable(timeoutMs) {
      // Callers share one probe, so that probes cannot pile up.
      probing ??= probe
        .run([PROBE, [], {}], { isRead: true, usual: undefined })
        .then(([row]) => row?.[0] === "true", throwTranslated)
        .finally(() => {
          probing = undefined;
        });
      return withTimeout(probing, timeoutMs, timeout);
    },
    startUp,
    pooler,
    stopReads: pool.stopReads,
    close: async () => {
      await Promise.all([pool.end(), probe.end()]);
    },
  };
}
