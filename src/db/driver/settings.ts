/** What our statements rely on in PostgreSQL's settings, and how every connection comes to have it, whatever the database or the role says. */
import type { Sql } from "postgres";
import type { Log } from "../../log.js";
import { type BackingOff, backingOff } from "./backing-off.js";
import type { Backend } from "./cancel-request.js";
import { Opening } from "./opening.js";
import { lookForPooler, PID, type Pooler } from "./pooler.js";
import { noop } from "./turn.js";

/**
 * As `current_setting` gives them, lists with a comma and a blank. Not among them is what a role may not set (`lc_*`): no statement
 * formats money, or numbers and dates in a language; texts are compared under collations that statements and columns name.
 */
export const SETTINGS: Readonly<Record<string, string>> = {
  client_encoding: "UTF8",
  // How values become text, which is what clients and cursors get, and how text becomes values.
  DateStyle: "ISO, MDY",
  IntervalStyle: "postgres",
  TimeZone: "UTC",
  extra_float_digits: "1",
  bytea_output: "hex",
  array_nulls: "on",
  // What a statement's text means. Migrations name the schema; what anybody puts elsewhere, or in a temporary table, is not ours.
  search_path: "public, pg_temp",
  standard_conforming_strings: "on",
  backslash_quote: "safe_encoding",
  transform_null_equals: "off",
  // What a statement sees and may do, and what ends it.
  row_security: "on",
  gin_fuzzy_search_limit: "0",
  default_transaction_isolation: "read committed",
  default_transaction_read_only: "off",
  default_transaction_deferrable: "off",
  exit_on_error: "off",
  lock_timeout: "0",
  idle_session_timeout: "0",
  idle_in_transaction_session_timeout: "1min",
};

const NAMES = Object.keys(SETTINGS);

/** No operator and no name that a search path could give another meaning. */
export const CHECK = `select ${PID}, ${NAMES.map((name) => `pg_catalog.current_setting('${name}')`).join(", ")}`;
const END = "select pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())";

/** @returns statements that give them to the role in this database, for connections made from now on; %I is the database */
export const roleSettings = (statementTimeoutMs: number): string[] =>
  Object.entries({ ...SETTINGS, statement_timeout: String(Math.trunc(statementTimeoutMs)) }).map(([name, value]) => {
    const list = value.split(", ").map((item) => `'${item}'`);
    return `alter role current_user in database %I set ${name} = ${list.join(", ")}`;
  });

/** A pooler cannot know what its servers take, and refuses what it does not know; PgBouncer and others do it so. */
const REFUSALS = new Set(["08P01", "0A000", "22023", "42704"]);
const NONE: Readonly<Record<string, string>> = {};
/** What poolers keep for each client, as the protocol reports them: where it sends none, it gets what the pooler's first server had. */
const REPORTED = Object.fromEntries(
  ["client_encoding", "DateStyle", "TimeZone", "standard_conforming_strings"].map((name) => [name, SETTINGS[name]!]),
);
/** A pooler may still have connections from before the role had its settings. */
const ATTEMPTS = 5;

export interface Opener extends BackingOff {
  /** What connections are opened with that take everything: nothing behind a pooler that does not. */
  startUp(): Readonly<Record<string, string>>;
  /** What the newest connection has met. */
  pooler(): Pooler;
}

/**
 * Start-up parameters go before what database and role say. Where a pooler refuses them, the role's settings count (see role.ts).
 * Either way each connection is asked, once: a pooler may also drop parameters in silence. The time-out of statements is not: replicas may
 * differ in it, and every statement has one here too.
 * @param connect a client of the driver with one connection, which takes its sockets from the opening and tells when that has closed
 * @param anySettings takes connections whatever they have, to give the role its settings
 */
export function createOpener(
  connect: (startUp: Readonly<Record<string, string>>, onclose: () => void, socket: Opening["socket"]) => Sql,
  statementTimeoutMs: number | undefined,
  log: Log | undefined,
  anySettings: boolean,
): Opener {
  const all = { ...SETTINGS, statement_timeout: String(Math.trunc(statementTimeoutMs ?? 0)) };
  /** The next where one is refused. */
  const startUps = [all, REPORTED, NONE];
  /** Of the startUps: what was taken last. */
  let taken = 0;
  let pooler: Pooler;

  /** @returns what the connection is, and what it has met where it can be used */
  async function look(sql: Sql) {
    const asked = sql.unsafe(CHECK, [], { prepare: false });
    const [[pid, ...values] = []] = (await asked.values()) as unknown as string[][];
    const unlike = NAMES.filter((name, index) => values[index] !== SETTINGS[name]);
    const { state: backend } = asked as unknown as { state: Backend };
    const isUsable = anySettings || unlike.length === 0;
    const met = isUsable ? await lookForPooler(sql, backend.pid, Number(pid)) : undefined;
    return { backend, unlike, isUsable, met };
  }

  function meet(met: Pooler): void {
    if (met && met.carriesPrepared !== pooler?.carriesPrepared) {
      if (met.carriesPrepared) log?.info("a pooler before the database carries prepared statements");
      else log?.warn("a pooler before the database carries no prepared statements: every statement is planned anew");
    }
    pooler = met;
  }

  async function open(onclose: () => void) {
    let level = taken;
    for (let attempt = 1; ; ) {
      let told = noop as () => void;
      const opening = new Opening();
      const sql = connect(startUps[level] as Readonly<Record<string, string>>, () => told(), opening.socket);
      try {
        const { backend, unlike, isUsable, met } = await opening.inTime(look(sql));
        if (level !== taken) log?.info("a pooler does not take all start-up parameters: the role's settings count");
        taken = level;
        if (isUsable) {
          meet(met);
          told = onclose;
          return { sql, backend, isPooled: met !== undefined };
        }
        log?.warn({ settings: unlike, attempt }, "a connection with other settings than Postern needs is not used");
        // The pooler's connection to the server too.
        await opening.inTime(sql.unsafe(END)).catch(noop);
        if (attempt === ATTEMPTS) {
          const message = `A connection to the database has other settings than Postern needs: ${unlike}. Take them out of the URL and the pooler.`;
          throw Object.assign(new Error(message), { code: "08000" });
        }
        attempt += 1;
      } catch (error) {
        if (level === startUps.length - 1 || !REFUSALS.has((error as { code?: string }).code ?? "")) {
          sql.end({ timeout: 0 }).catch(noop);
          throw error;
        }
        level += 1;
      }
      sql.end({ timeout: 0 }).catch(noop);
    }
  }
  return { ...backingOff(open, log), startUp: () => (taken === 0 ? all : NONE), pooler: () => pooler };
}
