/** What a caller gets for each class of PostgreSQL's faults: of a change, of a read, while a connection is opened, and as one ends. */
import { type AddressInfo, createServer } from "node:net";
import { sql } from "drizzle-orm";
import { beforeAll, expect, inject, it, onTestFinished } from "vitest";
import { type Client, createClient, type Db } from "../../src/db/client.js";
import { AppError } from "../../src/errors.js";
import { testApp } from "../support/app.js";

const app = testApp();
let client: Client;

beforeAll(async () => {
  await app.sql.unsafe(`
    create table raised (code text);
    create function raise(code text) returns text language plpgsql as $$
      begin
        if code = 'end' then perform pg_terminate_backend(pg_backend_pid()); end if;
        if code is not null then raise exception 'secret %', code using errcode = code; end if;
        return code;
      end $$;
    create function raise_it() returns trigger language plpgsql as
      $$ begin perform raise((select max(code) from raised)); return new; end $$;
    create trigger raise_it before insert on scans for each row execute function raise_it();`);
  const [row] = await app.sql`select current_database() as database`;
  client = createClient({ connection: { ...inject("connection"), database: row?.database }, poolSize: 1 });
  return () => client.close();
});

const OURS = "INTERNAL_SERVER_ERROR";
const AWAY = "UNAVAILABLE";
const INPUT = "BAD_USER_INPUT";
const MUCH = "LIMIT_EXCEEDED";

/** SQLSTATE, what a change answers, what a read answers where it is another. */
const TABLE: readonly (readonly [sqlstate: string, change: string, read?: string])[] = [
  ["03000", OURS], // statement not complete
  ["08000", AWAY], // connection
  ["08006", AWAY],
  ["09000", OURS], // triggered action
  ["0A000", OURS], // not supported
  ["0L000", OURS], // grantor
  ["20000", OURS], // case not found
  ["21000", OURS], // cardinality
  ["22001", INPUT, OURS], // data: too long
  ["22003", OURS], // out of range
  ["22007", INPUT, OURS], // malformed moment
  ["22021", INPUT, OURS], // not in the character set
  ["22P02", INPUT, OURS], // malformed text
  ["23502", INPUT], // integrity: not null
  ["23503", "NOT_FOUND"], // foreign key
  ["23505", "CONFLICT"], // unique
  ["23514", INPUT], // check
  ["23P01", OURS], // exclusion
  ["24000", OURS], // cursor state
  ["25006", AWAY], // transaction state: read-only
  ["25P02", OURS], // aborted already
  ["26000", AWAY], // prepared statement unknown
  ["28000", OURS], // authorization, on a living connection
  ["2BP01", OURS], // dependent objects
  ["34000", OURS], // cursor name
  ["38000", OURS], // external routine
  ["3D000", OURS], // no such database
  ["3F000", OURS], // no such schema
  ["40001", AWAY], // rollback: serialization
  ["40002", OURS], // rollback: integrity
  ["40003", `${AWAY} unknown`, AWAY], // nobody knows whether it was done
  ["40P01", AWAY], // deadlock
  ["42501", OURS], // rights
  ["42601", OURS], // syntax
  ["42P01", OURS], // no such table
  ["44000", OURS], // check option
  ["53000", AWAY], // resources
  ["53100", AWAY], // disk full
  ["53200", AWAY], // out of memory
  ["53300", AWAY], // too many connections
  ["53400", AWAY], // configured limit
  ["54000", MUCH], // program limit
  ["54001", MUCH],
  ["55000", OURS], // object not in its prerequisite state
  ["55P03", "TIMEOUT"], // lock not available
  ["57000", OURS], // operator intervention
  ["57014", "TIMEOUT"], // cancelled
  ["57P01", AWAY], // shutdown, as an error of the statement
  ["57P03", AWAY], // cannot connect now
  ["57P04", AWAY], // database dropped
  ["57P05", AWAY], // idle session
  ["58000", OURS], // system error
  ["58030", OURS], // I/O
  ["72000", OURS], // snapshot too old
  ["F0000", OURS], // configuration file
  ["HV000", OURS], // foreign data
  ["P0001", OURS], // raised by a function
  ["XX000", OURS], // internal
  ["XX001", OURS], // data corrupted
];

const INSERT = `mutation { createScan(input: { organizationId: "1", targetUrl: "https://a.example/", scanType: "T" }) { scan { id } } }`;

async function create(code: string) {
  const analyst = await app.as("analyst");
  await app.sql`delete from raised`;
  await app.sql`insert into raised values (${code})`;
  const { errors } = await analyst.run(INSERT);
  await app.sql`delete from raised`;
  expect(JSON.stringify(errors)).not.toMatch(/secret/);
  return [errors?.[0]?.extensions.code, errors?.[0]?.extensions.outcome].filter(Boolean).join(" ");
}
const read = (code: string) =>
  client.query("select raise($1)", [code], false).then(
    () => "data",
    (error) => error.code,
  );

const CASES = TABLE.map(([sqlstate, change, reads = change]) => [sqlstate, change, reads] as const);

it.each(CASES)("%s: a change answers %s, a read %s", async (sqlstate, change, reads) => {
  const before = await app.sql`select count(*) from scans`;
  expect([await create(sqlstate), await read(sqlstate)]).toEqual([change, reads]);
  expect(await app.sql`select count(*) from scans`).toEqual(before);
});

it.each(CASES)("%s: what drizzle runs throws the same, in a transaction and alone", async (sqlstate, change) => {
  const raised = (db: Db) =>
    db.execute(sql`select raise(${sqlstate}), ${"secret value"}::text`).catch((error: unknown) => error);
  const faults: unknown[] = [await raised(client.db)];
  await client.db
    .transaction(async (db) => {
      faults.push(await raised(db));
      throw faults[1];
    })
    .catch((error) => faults.push(error));
  for (const fault of faults) {
    expect(fault).toBeInstanceOf(AppError);
    expect(fault).toMatchObject({ code: change.split(" ")[0], cause: { name: "PostgresError", code: sqlstate } });
    expect(JSON.stringify((fault as AppError).cause)).not.toContain("secret value");
  }
});

it("a connection that ends with a fault leaves a change unknown, whatever the fault is", async () => {
  expect([await create("end"), await read("end")]).toEqual([`${AWAY} unknown`, AWAY]);
  expect(await create("P0001")).toBe(OURS);
});

/** @returns a server that answers every start-up with this fault */
async function refusing(sqlstate: string) {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${sqlstate}\0Msecret\0\0`);
  const head = Buffer.from([69, 0, 0, 0, 4 + fields.length]);
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(Buffer.concat([head, fields])));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

it.each(["08004", "28000", "28P01", "3D000", "42501", "53300", "55000", "57P03", "58000", "XX000"])(
  "%s while connecting: nothing was done, and it may be tried again",
  async (sqlstate) => {
    const connection = { host: "127.0.0.1", port: await refusing(sqlstate), username: "a", password: "b" };
    const refused = createClient({ connection: connection as never, poolSize: 1 });
    onTestFinished(() => refused.close());
    const faults = [
      await refused.query("select 1", [], false).catch((error) => error),
      await refused.db.change("select 1", [], false).catch((error) => error),
      await refused.db.execute(sql`select 1`).catch((error) => error),
    ];
    for (const { message, extensions } of faults) {
      expect([extensions, message]).toEqual([{ code: AWAY }, "The database does not answer. Try again in a moment."]);
    }
  },
);
