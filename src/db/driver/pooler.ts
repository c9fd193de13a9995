/** Whether a pooler stands between a connection of ours and PostgreSQL, and whether prepared statements survive it. */
import type { Sql } from "postgres";

/** What a pooler keeps of a connection; undefined where none stands between. */
export type Pooler = { readonly carriesPrepared: boolean } | undefined;

/** The server tells every connection its process at the start. A pooler makes one up, so that a cancel request finds its way. */
export const PID = "pg_catalog.pg_backend_pid()";

export const KNOWN_STATEMENTS = "select name from pg_catalog.pg_prepared_statements";

/**
 * A pooler that carries prepared statements gives them names of its own, since two of its clients may use one name. Where the server knows this
 * very statement by the name that we gave it, the pooler passes names through, and the next server connection does not know them.
 * That takes one statement and is certain, also where others use the pooler: what runs on which of its connections does not matter.
 * A pooler that keeps a server connection for each client counts as one that carries none, which is slower and as right.
 */
async function carriesPrepared(sql: Sql): Promise<boolean> {
  // The driver prepares nothing without parameters unless it is told not to take the simple protocol, which its types do not know.
  const options = { prepare: true, simple: false } as { prepare: boolean };
  const asked = sql.unsafe<{ name: string }[]>(KNOWN_STATEMENTS, [], options);
  try {
    const known = await asked;
    return known.every(({ name }) => name !== known.statement.name);
  } catch (error) {
    // Refused, or lost on the way.
    if ((error as Error).name === "PostgresError") return false;
    throw error;
  }
}

/**
 * Prepares nothing on this connection from now on where that would not hold.
 * @param told the server process by what the connection was told @param seen by what the server says (PID)
 */
export async function lookForPooler(sql: Sql, told: number, seen: number): Promise<Pooler> {
  if (told === seen) return undefined;
  const pooler = { carriesPrepared: await carriesPrepared(sql) };
  (sql.options as { prepare: boolean }).prepare = pooler.carriesPrepared;
  return pooler;
}
