/** Checks whether Postern can use a database, before anything is changed in it, and says in one sentence what is missing. */
import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import postgres, { type Options, type Sql } from "postgres";
import { StartFault, type StartFaultKind } from "../start-fault.js";
import { withTimeout } from "../values/with-timeout.js";
import type { ClientOptions } from "./client.js";

const MIN_VERSION = 15;
const CONNECT_TIMEOUT_SECONDS = 5;
const JOURNAL = fileURLToPath(new URL("../../drizzle/meta/_journal.json", import.meta.url));

/** The first bytes that PostgreSQL may answer to a start-up packet, or to a request for TLS. */
const FIRST_BYTES: ReadonlySet<number> = new Set([..."RESNv"].map((letter) => letter.charCodeAt(0)));
const NO_TLS = "N".charCodeAt(0);

/** Facts of the first connection that the driver does not report. */
interface FirstConnection {
  connections: number;
  firstByte: number | undefined;
}

/** Opens one connection only. The driver would retry for ever where something else than PostgreSQL answers. */
function openOnce(connection: ClientOptions["connection"], first: FirstConnection): Sql {
  const socket = async ({ host, port, path }: { host: string[]; port: number[]; path?: string | false }) => {
    if (first.connections++ > 0)
      throw Object.assign(new Error("the connection closed at once"), { code: "CLOSED_AT_ONCE" });
    const target = path ? { path } : { host: host[0] as string, port: port[0] as number };
    const opened = connect(target) as Socket & { host?: string };
    // The driver checks a certificate against this.
    if ("host" in target) opened.host = target.host;
    await new Promise<void>((resolve, reject) => {
      opened.once("connect", resolve);
      opened.once("error", reject);
      opened.setTimeout(CONNECT_TIMEOUT_SECONDS * 1000, () => {
        opened.destroy(Object.assign(new Error("no connection in time"), { code: "CONNECT_TIMEOUT" }));
      });
    });
    opened.setTimeout(0);
    opened.once("data", (bytes: Buffer) => {
      first.firstByte = bytes[0];
      // A server that speaks first, as MySQL does, waits for us while we wait for it.
      if (!FIRST_BYTES.has(first.firstByte ?? 0)) opened.destroy();
    });
    return opened;
  };
  const options = {
    max: 1,
    connect_timeout: CONNECT_TIMEOUT_SECONDS,
    fetch_types: false,
    onnotice: () => undefined,
    socket,
  } as unknown as Options<Record<string, never>>;
  return typeof connection === "string" ? postgres(connection, options) : postgres({ ...connection, ...options });
}

const SQLSTATES: Readonly<Record<string, readonly [StartFaultKind, string]>> = {
  "28P01": ["rights", "The database refuses the password. Set the right one in DATABASE_URL."],
  "28000": [
    "rights",
    "The database refuses this role, database or host. Set a role in DATABASE_URL that may connect (see pg_hba.conf).",
  ],
  "3D000": ["rights", "There is no such database. Create it, or name another in DATABASE_URL."],
  "42501": [
    "rights",
    "The role lacks the right to connect. Grant it CONNECT on the database, or name another role in DATABASE_URL.",
  ],
  "53300": [
    "unreachable",
    "All connections of the database are taken. Raise its max_connections, or end what holds them.",
  ],
  "57P03": [
    "unreachable",
    "The database is starting up or shutting down. Start Postern again when it accepts connections.",
  ],
};

const NODE_CODES: Readonly<Record<string, readonly [StartFaultKind, string]>> = {
  ECONNREFUSED: [
    "unreachable",
    "Nobody listens at the database's address. Start the database, or set the host and port of DATABASE_URL.",
  ],
  ENOENT: [
    "unreachable",
    "There is no such socket of a database. Start the database, or set the host of DATABASE_URL.",
  ],
  ENOTFOUND: ["unreachable", "Nobody knows the database's host. Set the host of DATABASE_URL."],
  EAI_AGAIN: [
    "unreachable",
    "The database's host cannot be looked up now. Set the host of DATABASE_URL, or see to the name service.",
  ],
  EHOSTUNREACH: [
    "unreachable",
    "No way leads to the database's host. Set the host of DATABASE_URL, or see to the network.",
  ],
  ENETUNREACH: [
    "unreachable",
    "No way leads to the database's host. Set the host of DATABASE_URL, or see to the network.",
  ],
  CONNECT_TIMEOUT: [
    "unreachable",
    "The database does not answer within 5 seconds. See whether it works, or set the host and port of DATABASE_URL.",
  ],
};

const NO_POSTGRES = "What answers at the database's address is no PostgreSQL. Set the host and port of DATABASE_URL.";
const CERTIFICATE = /^(ERR_TLS|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|CERT_|ERR_SSL)/;

/** @returns the StartFault that a fault of the first connection means */
function connectionFault(error: unknown, { firstByte }: FirstConnection): StartFault {
  const code = String((error as { code?: unknown }).code ?? "");
  const fault = SQLSTATES[code] ?? NODE_CODES[code];
  if (firstByte === NO_TLS) {
    return new StartFault(
      "protocol",
      "The database refuses TLS. Turn it on there (ssl = on), or set sslmode=disable in DATABASE_URL.",
      error,
    );
  }
  if (CERTIFICATE.test(code)) {
    return new StartFault(
      "protocol",
      `The database's certificate is not trusted (${code}). Set sslrootcert in DATABASE_URL, or renew it.`,
      error,
    );
  }
  if (firstByte !== undefined && !FIRST_BYTES.has(firstByte)) return new StartFault("protocol", NO_POSTGRES, error);
  if (fault) return new StartFault(...fault, error);
  if (code === "CLOSED_AT_ONCE" || code === "ECONNRESET" || code === "EPIPE") {
    return new StartFault("protocol", NO_POSTGRES, error);
  }
  return new StartFault("unreachable", `The database cannot be used: ${(error as Error).message}`, error);
}

interface Facts {
  readonly version: number;
  readonly encoding: string;
  readonly is_standby: boolean;
  readonly is_read_only: boolean;
  readonly may_create: boolean;
  readonly has_record: boolean;
  readonly has_tables: boolean;
}

/** Reads in a transaction, because a pooler in statement mode refuses one, which is a fault to report. */
const factsOf = (sql: Sql): Promise<Facts> =>
  sql.begin(async (sql) => {
    const [facts] = await sql<[Facts]>`
      select current_setting('server_version_num')::int / 10000 as version,
        current_setting('server_encoding') as encoding,
        pg_is_in_recovery() as is_standby,
        current_setting('transaction_read_only')::boolean as is_read_only,
        has_database_privilege(current_database(), 'CREATE')
          and coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) as may_create,
        to_regclass('drizzle.__drizzle_migrations') is not null as has_record,
        to_regclass('organizations') is not null or to_regtype('role') is not null as has_tables`;
    return facts;
  });

/** @returns the most basic fact that keeps Postern from using the database; undefined where nothing does */
function faultOf(facts: Facts): StartFault | undefined {
  const { version, encoding } = facts;
  if (version < MIN_VERSION) {
    return new StartFault(
      "data",
      `The database is PostgreSQL ${version}. Postern needs ${MIN_VERSION} or newer: upgrade it.`,
    );
  }
  if (encoding !== "UTF8") {
    return new StartFault(
      "data",
      `The database has the encoding ${encoding}. Create one with "encoding 'UTF8' template template0" and name it in DATABASE_URL.`,
    );
  }
  if (facts.is_standby) {
    return new StartFault(
      "data",
      "The database is a standby, which takes no changes. Name its primary in DATABASE_URL.",
    );
  }
  if (facts.is_read_only) {
    return new StartFault(
      "data",
      "The database is read-only for this role. Turn default_transaction_read_only off, or name another in DATABASE_URL.",
    );
  }
  if (facts.has_tables && !facts.has_record) {
    return new StartFault(
      "data",
      "The database holds tables of Postern without the record of their migrations (schema drizzle). Restore it whole, or name an empty database in DATABASE_URL.",
    );
  }
  if (!facts.has_record && !facts.may_create) {
    return new StartFault(
      "rights",
      "The role may not create schemas and tables in the database. Grant it CREATE on the database and its schema, or make it the owner.",
    );
  }
  return undefined;
}

/** @throws StartFault where a newer Postern or another program has migrated the database */
async function requireKnownMigrations(sql: Sql): Promise<void> {
  const { entries } = JSON.parse(await readFile(JOURNAL, "utf8")) as { entries: { when: number }[] };
  const known = new Set(entries.map(({ when }) => String(when)));
  const applied = await sql<{ created_at: string }[]>`select created_at::text from drizzle.__drizzle_migrations`;
  if (applied.every(({ created_at }) => known.has(created_at))) return;
  throw new StartFault(
    "data",
    "A newer Postern has migrated this database. Start that version, or one that is newer still.",
  );
}

/** The fault of a database that does not answer, as the driver makes it. */
const noAnswer = () => Object.assign(new Error("no answer in time"), { code: "CONNECT_TIMEOUT" });

/**
 * Checks the database over one connection, and changes nothing.
 * @throws StartFault that says what is wrong and what to set
 */
export async function checkRequirements(connection: ClientOptions["connection"]): Promise<void> {
  const first: FirstConnection = { connections: 0, firstByte: undefined };
  const sql = openOnce(connection, first);
  try {
    await withTimeout(sql`select 1`, CONNECT_TIMEOUT_SECONDS * 1000, noAnswer).catch((error) =>
      Promise.reject(connectionFault(error, first)),
    );
    const facts = await factsOf(sql).catch((error) => {
      if ((error as { code?: string }).code !== "08P01") throw error;
      throw new StartFault(
        "protocol",
        "A pooler in statement mode stands before the database. Set its pool_mode to transaction or session.",
        error,
      );
    });
    const fault = faultOf(facts);
    if (fault) throw fault;
    if (facts.has_record) await requireKnownMigrations(sql);
  } finally {
    await sql.end({ timeout: 0 });
  }
}
