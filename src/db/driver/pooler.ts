/** Finds out whether a pooler stands between a connection and PostgreSQL, and whether prepared statements work through it. */
import type { Sql } from "postgres";

/** What a pooler can do; undefined where there is none. */
export type Pooler = { readonly carriesPrepared: boolean } | undefined;

/** PostgreSQL tells a new connection the id of its process. A pooler tells one of its own, so the two differ behind a pooler. */
export const PID_BEHIND_POOLER = "pg_catalog.pg_backend_pid()";

export const STATEMENTS_BEHIND_POOLER = "select name from pg_catalog.pg_prepared_statements";

/**
 * A pooler that carries prepared statements renames them, since two of its clients may use one name. If the server knows this very
 * statement by our name for it, the pooler passes names through, and its next server connection will not know them.
 * One statement decides this for certain, however many others use the pooler. A pooler that keeps one server connection for each
 * client counts as carrying none, which is slower but correct.
 */
async function carriesPrepared(sql: Sql): Promise<boolean> {
  // Without parameters, the driver prepares only where `simple` is false, an option that its types lack.
  const options = { prepare: true, simple: false } as { prepare: boolean };
  const asked = sql.unsafe<{ name: string }[]>(STATEMENTS_BEHIND_POOLER, [], options);
  try {
    const prepared = await asked;
    return prepared.every(({ name }) => name !== prepared.statement.name);
  } catch (error) {
    // A refusal is an answer; a lost connection is not.
    if ((error as Error).name === "PostgresError") return false;
    throw error;
  }
}

/**
 * Turns prepared statements off on this connection where a pooler does not carry them.
 * @param toldPid the process id that the connection was told when it opened
 * @param actualPid the one that the server answers (PID)
 */
export async function detectPooler(sql: Sql, toldPid: number, actualPid: number): Promise<Pooler> {
  if (toldPid === actualPid) return undefined;
  const pooler = { carriesPrepared: await carriesPrepared(sql) };
  (sql.options as { prepare: boolean }).prepare = pooler.carriesPrepared;
  return pooler;
}
