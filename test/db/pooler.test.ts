/** What changes where a pooler stands between; test/pgbouncer has the same with a real one. */
import { beforeAll, expect, it, onTestFinished } from "vitest";
import { type Client, createClient } from "../../src/db/client.js";
import { STATEMENTS_BEHIND_POOLER } from "../../src/db/driver/pooler.js";
import { testApp } from "../support/app.js";
import { openProxy } from "../support/proxy.js";

const app = testApp();
let database = "";
beforeAll(async () => {
  database = (await app.sql`select current_database() as name`)[0]?.name;
});

/** As poolers do, which give each client a process id of its own: BackendKeyData is K, its length, the process id and a secret. */
function withOtherPid(data: Buffer): Buffer {
  const at = data.indexOf(Buffer.from([0x4b, 0, 0, 0, 12]));
  if (at >= 0) data.writeUInt32BE(4_000_000_000, at + 5);
  return data;
}

async function open(onAnswer?: (data: Buffer) => Buffer) {
  const proxy = await openProxy(undefined, false, onAnswer);
  const client = createClient({ connection: { ...proxy.connection, database }, poolSize: 2 });
  onTestFinished(async () => {
    await client.close();
    proxy.close();
  });
  await client.query("select 1", [], false);
  return { client };
}

const prepared = async (client: Client) => {
  for (let n = 0; n < 2; n++) expect(await client.query("select $1::text", [`${n}`], true)).toEqual([`${n}`]);
  const [names] = await client.query(
    "select count(*)::text from pg_prepared_statements where statement <> $1",
    [STATEMENTS_BEHIND_POOLER],
    false,
  );
  return Number(names);
};

it("without one, statements are prepared", async () => {
  const { client } = await open();
  expect(client.pooler()).toBeUndefined();
  expect(await prepared(client)).toBe(1);
});

it("through one that passes names on, none is prepared", async () => {
  const { client } = await open(withOtherPid);
  expect(client.pooler()).toEqual({ carriesPrepared: false });
  expect(await prepared(client)).toBe(0);
});
