/** Everyday causes: what a real instance is brought into, what Postern does all the same, and what it says where it cannot. */
import { readFile, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import postgres from "postgres";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { findBinaries } from "../../src/postgres/binaries.js";
import { Cluster } from "../../src/postgres/cluster.js";
import { connectAsSuperuser } from "../../src/postgres/connection.js";
import { databaseUser } from "../../src/postgres/os-user.js";
import { failureCauseOf } from "../../src/providers/local/causes.js";
import type { LocalProvider } from "../../src/providers/local.js";
import type { OperationRequest } from "../../src/providers/provider.js";
import {
  INTENT,
  idOf,
  NEW,
  newOperationId,
  operate,
  query,
  snapshotOf,
  untilEnded,
  useGround,
} from "../support/ground.js";

const ground = useGround();
let provider: LocalProvider;
let solo: string;
const member = () => join(ground.path, "fleet/instances", solo, "members/a");

beforeAll(async () => {
  provider = await ground.open({ limits: { minFreeBytes: 0 } });
  await provider.create({ ...NEW, identifier: "solo", maxConnections: 20 });
  solo = await idOf(provider, "solo");
});
afterAll(() => provider.stopAll());

async function soloCluster(): Promise<Cluster> {
  const user = await databaseUser();
  return new Cluster({ folder: member(), bin: await findBinaries(user), user });
}

let snapshots = 0;
const snapshot = () => operate(provider, snapshotOf(solo, `causes-${++snapshots}`));
const superuser = (statement: string) => query(provider, "solo", (sql) => sql.unsafe(statement));
const LIMIT = { timeoutMs: 10_000 };
const TIMEOUTS = ["statement_timeout", "lock_timeout", "idle_session_timeout", "idle_in_transaction_session_timeout"];

test("time-outs of the role and of the instance end nothing that Postern does there", async () => {
  const cluster = await soloCluster();
  // Roles first: what the files say counts for sessions that run, this one too.
  await connectAsSuperuser(
    cluster,
    async (sql) => {
      for (const name of TIMEOUTS) await sql.unsafe(`alter role postgres set ${name} = '1ms'`);
      for (const name of TIMEOUTS) await sql.unsafe(`alter system set ${name} = '1ms'`);
      await sql`select pg_reload_conf()`;
    },
    LIMIT,
  );
  onTestFinished(() =>
    connectAsSuperuser(
      cluster,
      async (sql) => {
        await sql`alter role postgres reset all`;
        await sql`alter system reset all`;
        await sql`select pg_reload_conf()`;
      },
      LIMIT,
    ),
  );
  expect(await snapshot()).toMatchObject({ state: "succeeded" });
  expect(await provider.describe(solo)).toMatchObject({ status: "available" });
});

test("people have a role of their own, which leaves Postern its connections", async () => {
  const password = await readFile(join(member(), "data/application.password"), "utf8");
  const { host, port } = await provider.connectionOf("solo");
  const connect = () =>
    postgres({ host, port, username: "application", password, database: "postgres", max: 1, fetch_types: false });
  const sessions = Array.from({ length: 15 }, connect);
  onTestFinished(async () => void (await Promise.all([...sessions, more].map((sql) => sql.end({ timeout: 0 })))));
  const roles = await Promise.all(
    sessions.map((sql) => sql`select rolsuper, rolcreatedb from pg_roles where rolname = current_user`),
  );
  expect(new Set(roles.map(([row]) => JSON.stringify(row)))).toEqual(
    new Set(['{"rolsuper":false,"rolcreatedb":true}']),
  );
  const more = connect();
  await expect(more`select 1`).rejects.toMatchObject({ code: "53300" });
  expect(await provider.describe(solo)).toMatchObject({ status: "available" });
  expect(await snapshot()).toMatchObject({ state: "succeeded" });
});

test("a symbolic link in the data folder fails a copy by its name, and nothing is left of it", async () => {
  const link = join(member(), "data/base/linked");
  await symlink("/etc", link);
  onTestFinished(() => rm(link));
  expect(await snapshot()).toMatchObject({
    state: "failed",
    failure: {
      code: "NotSupported",
      message: expect.stringMatching(/^base\/linked in the data folder is a symbolic link.*Stop the instance/),
    },
  });
});

test("where all replication slots are in use, a copy says so", async () => {
  const all = "generate_series(1, current_setting('max_replication_slots')::int) n";
  await superuser(`select pg_create_physical_replication_slot('taken_' || n) from ${all}`);
  onTestFinished(async () => void (await superuser(`select pg_drop_replication_slot('taken_' || n) from ${all}`)));
  expect(await snapshot()).toMatchObject({
    failure: { code: "ResourcesExhausted", message: expect.stringMatching(/replication slots.*pg_replication_slots/) },
  });
});

test("where somebody ends Postern's sessions, the operation says that", async () => {
  const request = { ...snapshotOf(solo, "ended"), operationId: newOperationId() } as OperationRequest;
  await query(provider, "solo", async (sql) => {
    await provider.start(request, INTENT);
    let isOver = false;
    const end = untilEnded(provider, request).finally(() => {
      isOver = true;
    });
    while (!isOver)
      await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'postern'`;
    expect(await end).toMatchObject({
      failure: { code: "Cancelled", message: expect.stringMatching(/ended Postern's session/) },
    });
  });
});

test("a password, a rule or a file that keeps Postern out has its code and its remedy", async () => {
  const cluster = await soloCluster();
  const look = () => connectAsSuperuser(cluster, (sql) => sql`select 1`, LIMIT).then(() => null, failureCauseOf);
  const { password } = await cluster.superuser();
  await query(provider, "solo", async (sql) => {
    await sql.unsafe("alter role postgres password 'another'");
    expect(await look()).toMatchObject({
      code: "AccessDenied",
      message: expect.stringContaining("superuser.password"),
    });
    await sql.unsafe("alter role postgres nologin");
    await sql.unsafe(`alter role postgres password '${password}'`);
    expect(await look()).toMatchObject({ code: "AccessDenied", message: expect.stringContaining("pg_hba.conf") });
    await sql.unsafe("alter role postgres login");
  });
  const file = join(member(), "data/superuser.password");
  await rename(file, `${file}.away`);
  expect(await look()).toMatchObject({ code: "AccessDenied", message: expect.stringContaining("is gone") });
  await rename(`${file}.away`, file);
  expect(await look()).toBeNull();
});
