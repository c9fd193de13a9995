/** The PostgreSQL settings that our statements rely on. Every connection is opened with them, and checked. */
import type { Sql } from "postgres";
import type { Log } from "../../log.js";
import { type BackingOff, backOff } from "./backing-off.js";
import type { BackendToCancel } from "./cancel-request.js";
import { Opening } from "./opening.js";
import { detectPooler, PID_BEHIND_POOLER, type Pooler } from "./pooler.js";
import { ignoreTurn } from "./turn.js";

/**
 * Values are written as `current_setting` answers them: lists with a comma and a blank. A role may not set `lc_*`, and need not: no
 * statement formats anything in a language, and all texts are compared under named collations.
 */
export const SETTINGS: Readonly<Record<string, string>> = {
  client_encoding: "UTF8",
  // These decide how values become text, as clients and cursors get it, and text becomes values.
  DateStyle: "ISO, MDY",
  IntervalStyle: "postgres",
  TimeZone: "UTC",
  extra_float_digits: "1",
  bytea_output: "hex",
  array_nulls: "on",
  // These decide what the text of a statement means. Tables in other schemas, or temporary ones, must not hide ours.
  search_path: "public, pg_temp",
  standard_conforming_strings: "on",
  backslash_quote: "safe_encoding",
  transform_null_equals: "off",
  // These decide what a statement sees and may do, and what ends it.
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

/** The check names schemas and uses no operator, so that no search path can change its meaning. */
export const SETTINGS_CHECK = `select ${PID_BEHIND_POOLER}, ${NAMES.map((name) => `pg_catalog.current_setting('${name}')`).join(", ")}`;
const END = "select pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())";

/** @returns statements that give the settings to the role, for new connections to the database, which %I stands for */
export const roleSettings = (statementTimeoutMs: number): string[] =>
  Object.entries({ ...SETTINGS, statement_timeout: String(Math.trunc(statementTimeoutMs)) }).map(([name, value]) => {
    const list = value.split(", ").map((item) => `'${item}'`);
    return `alter role current_user in database %I set ${name} = ${list.join(", ")}`;
  });

/** The codes by which poolers, PgBouncer among them, refuse a start-up parameter that they do not know. */
const REFUSALS = new Set(["08P01", "0A000", "22023", "42704"]);
const NONE: Readonly<Record<string, string>> = {};
/** The parameters that poolers keep for each client. A client that sends none gets those of the pooler's first server connection. */
const REPORTED = Object.fromEntries(
  ["client_encoding", "DateStyle", "TimeZone", "standard_conforming_strings"].map((name) => [name, SETTINGS[name]!]),
);
/** A pooler may lend several connections from before the role had its settings. */
const ATTEMPTS = 5;

interface Opener extends BackingOff {
  /** @returns the start-up parameters for other drivers; none where a pooler refuses them */
  startUp(): Readonly<Record<string, string>>;
  /** @returns the pooler that the newest connection has detected */
  pooler(): Pooler;
}

/**
 * Start-up parameters override what database and role say. Where a pooler refuses them, the role's settings count (see role.ts). Each
 * connection is checked either way, as a pooler may drop parameters in silence. `statement_timeout` is not checked, because replicas
 * may differ in it, and the pool limits every statement too.
 * @param connect makes a client of the driver with one connection, which takes its sockets from an opening
 * @param anySettings whether to accept connections with other settings, in order to give the role its own
 */
export function createSettingsOpener(
  connect: (startUp: Readonly<Record<string, string>>, onclose: () => void, socket: Opening["socket"]) => Sql,
  statementTimeoutMs: number | undefined,
  log: Log | undefined,
  anySettings: boolean,
): Opener {
  const all = { ...SETTINGS, statement_timeout: String(Math.trunc(statementTimeoutMs ?? 0)) };
  /** Where one is refused, the next is tried. */
  const startUps = [all, REPORTED, NONE];
  /** The index of the one that was accepted last. */
  let accepted = 0;
  let pooler: Pooler;

  async function check(sql: Sql) {
    const asked = sql.unsafe(SETTINGS_CHECK, [], { prepare: false });
    const [[pid, ...values] = []] = (await asked.values()) as unknown as string[][];
    const different = NAMES.filter((name, index) => values[index] !== SETTINGS[name]);
    const { state: backend } = asked as unknown as { state: BackendToCancel };
    const isUsable = anySettings || different.length === 0;
    const detected = isUsable ? await detectPooler(sql, backend.pid, Number(pid)) : undefined;
    return { backend, different, isUsable, detected };
  }

  function remember(detected: Pooler): void {
    if (detected && detected.carriesPrepared !== pooler?.carriesPrepared) {
      if (detected.carriesPrepared) log?.info("a pooler before the database carries prepared statements");
      else log?.warn("a pooler before the database carries no prepared statements: every statement is planned anew");
    }
    pooler = detected;
  }

  async function open(onclose: () => void) {
    let level = accepted;
    for (let attempt = 1; ; ) {
      let notify = ignoreTurn as () => void;
      const opening = new Opening();
      const sql = connect(startUps[level] as Readonly<Record<string, string>>, () => notify(), opening.socket);
      try {
        const { backend, different, isUsable, detected } = await opening.withTimeLimit(check(sql));
        if (level !== accepted) log?.info("a pooler does not take all start-up parameters: the role's settings count");
        accepted = level;
        if (isUsable) {
          remember(detected);
          notify = onclose;
          return { sql, backend, isPooled: detected !== undefined };
        }
        log?.warn({ settings: different, attempt }, "a connection with other settings than Postern needs is not used");
        // This also ends the server connection that a pooler would lend again.
        await opening.withTimeLimit(sql.unsafe(END)).catch(ignoreTurn);
        if (attempt === ATTEMPTS) {
          const message = `A connection to the database has other settings than Postern needs: ${different}. Take them out of the URL and the pooler.`;
          throw Object.assign(new Error(message), { code: "08000" });
        }
        attempt += 1;
      } catch (error) {
        if (level === startUps.length - 1 || !REFUSALS.has((error as { code?: string }).code ?? "")) {
          sql.end({ timeout: 0 }).catch(ignoreTurn);
          throw error;
        }
        level += 1;
      }
      sql.end({ timeout: 0 }).catch(ignoreTurn);
    }
  }
  return { ...backOff(open, log), startUp: () => (accepted === 0 ? all : NONE), pooler: () => pooler };
}
