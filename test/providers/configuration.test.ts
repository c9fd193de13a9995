/** A failover keeps what people configured, says what it could not keep, and loses no replication slot unasked. */
import { appendFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findPostmaster } from "../../src/postgres/postmaster.js";
import type { LocalProvider } from "../../src/providers/local.js";
import { type Ended, idOf, NEW, operate, query, rebootOf, untilStreaming, useGround } from "../support/ground.js";
import { eventually, processesIn, UNSYNCED } from "../support/sandbox.js";

const ground = useGround();
let provider: LocalProvider;
let pair: string;

beforeAll(async () => {
  provider = await ground.open({ limits: { minFreeBytes: 0 }, settings: { ...UNSYNCED, wal_level: "logical" } });
  await provider.create({ ...NEW, identifier: "pair", standby: true });
  pair = await idOf(provider, "pair");
});
afterAll(async () => {
  await provider.stopAll();
  expect(await processesIn(ground.path), "processes left behind").toEqual([]);
});

const folderOf = (...path: string[]) => join(ground.path, "fleet/instances", pair, ...path);
const member = async (role: "PRIMARY" | "STANDBY") =>
  (await provider.describe(pair))!.members.find((one) => one.role === role)!;
/** A path in the data folder of the primary. */
const onPrimary = async (...path: string[]) =>
  folderOf("members", (await member("PRIMARY")).name.slice(-1), "data", ...path);
const run = (text: string) => query(provider, "pair", (sql) => sql.unsafe(text));

async function look(port?: number) {
  const [row] = await query(
    provider,
    "pair",
    (sql) => sql`
      select current_setting('work_mem') as memory, current_setting('lock_timeout') as lock,
             current_setting('log_autovacuum_min_duration') as log,
             current_setting('autovacuum_freeze_max_age') as age,
             (select count(*)::int from pg_hba_file_rules where auth_method = 'reject') as rules,
             (select count(*)::int from pg_ident_file_mappings) as mappings`,
    port === undefined ? {} : { port },
  );
  return row;
}

async function failOver(acceptSlotLoss?: boolean): Promise<Extract<Ended, { state: "succeeded" }>> {
  const end = await operate(provider, rebootOf(pair, true, acceptSlotLoss));
  if (end.state !== "succeeded") throw new Error(end.failure.message);
  await untilStreaming(provider, "pair");
  return end;
}

async function killPrimary(): Promise<void> {
  const data = await onPrimary();
  process.kill((await findPostmaster(data))!.pid, "SIGKILL");
  await eventually(async () => !(await findPostmaster(data)));
}

test("settings, rules, mappings and included files are those of the old primary, on both servers", async () => {
  await mkdir(await onPrimary("conf.d"));
  await writeFile(await onPrimary("conf.d/10-locks.conf"), "lock_timeout = 61s\ninclude 'deeper.inc.conf'\n");
  await writeFile(await onPrimary("conf.d/deeper.inc.conf"), "log_autovacuum_min_duration = 7s\n");
  await appendFile(await onPrimary("postgresql.conf"), "include_dir = 'conf.d'\n");
  await appendFile(await onPrimary("pg_hba.conf"), "host all @nobodies 127.0.0.1/32 reject\n");
  await writeFile(await onPrimary("nobodies"), "nobody\n");
  await appendFile(await onPrimary("pg_ident.conf"), "people someone postgres\n");
  await run("alter system set work_mem = '7MB'");
  // Takes effect after a restart, which the standby gets before it takes over.
  await run("alter system set autovacuum_freeze_max_age = 300000000");
  await run("select pg_reload_conf()");

  const end = await failOver();
  expect(end.result).toMatchObject({ failedOver: true, lostSlots: [], notCarried: [] });
  const all = { memory: "7MB", lock: "61s", log: "7s", age: "300000000", rules: 1, mappings: 1 };
  expect(await look()).toEqual(all);
  expect(await look((await member("STANDBY")).endpoint!.port), "rebuilt").toEqual(all);

  const before = (await findPostmaster(folderOf("members", (await member("STANDBY")).name.slice(-1), "data")))!.pid;
  await failOver();
  expect(await look()).toEqual(all);
  const { pid } = (await findPostmaster(await onPrimary()))!;
  expect(pid, "one that has it all is not started again").toBe(before);
});

test("of a dead primary whose settings are broken, the last good copy is carried, which the failover says", async () => {
  await run("alter system set work_mem = '9MB'");
  await provider.repair();
  const copy = await readFile(folderOf("configuration.json"), "utf8");
  expect(JSON.parse(copy).files["postgresql.auto.conf"]).toContain("work_mem = '9MB'");
  await appendFile(await onPrimary("postgresql.auto.conf"), "work_mem = = 'secret-value'\n");
  await provider.repair();
  expect(await readFile(folderOf("configuration.json"), "utf8"), "what is broken is not kept").toBe(copy);
  expect((await provider.describe(pair))!.findings).toMatchObject([
    { kind: "configuration_broken", severity: "WARNING", detail: expect.stringMatching(/: syntax error in file/) },
  ]);
  await killPrimary();
  const end = await failOver();
  const said = expect.stringMatching(/^changes of the configuration, which is broken: syntax error in file/);
  expect(end.result).toMatchObject({ notCarried: [said] });
  expect(end.message).toMatch(/It does not have: changes of the configuration, which is broken/);
  expect(JSON.stringify(end)).not.toContain("secret-value");
  expect(await look()).toMatchObject({ memory: "9MB", lock: "61s", rules: 1 });
  await provider.repair();
  expect((await provider.describe(pair))!.findings).toEqual([]);
});

test("rules with which no server starts are left behind; what a dead primary had new besides is carried", async () => {
  await run("alter system set work_mem = '11MB'");
  await killPrimary();
  expect((await failOver()).result, "never seen before").toMatchObject({ notCarried: [] });
  expect(await look()).toMatchObject({ memory: "11MB" });
  await provider.repair();

  await appendFile(await onPrimary("pg_hba.conf"), "host all all nowhere scram-sha-512\n");
  await killPrimary();
  const end = await failOver();
  const said = expect.stringMatching(/^a configuration with which pair-[ab] does not start, as/);
  expect(end.result).toMatchObject({ notCarried: [said] });
  expect(await look()).toMatchObject({ memory: "11MB", rules: 1 });
});

test("what people change is kept by the look of the next seconds, also where the data folder goes then", async () => {
  await run("alter system set work_mem = '13MB'");
  await provider.watch();
  const data = await onPrimary();
  await killPrimary();
  await rm(data, { recursive: true, force: true });
  await failOver();
  expect(await look()).toMatchObject({ memory: "13MB" });
});

test("replication slots are named before they are lost, and lost only where that is accepted", async () => {
  await run("select pg_create_physical_replication_slot('archive', true)");
  await run("select pg_create_logical_replication_slot('reports', 'pgoutput')");
  const { pid } = (await findPostmaster(await onPrimary()))!;
  const end = await operate(provider, rebootOf(pair, true));
  expect(end).toEqual({
    state: "failed",
    resourceStatus: "available",
    failure: {
      code: "ReplicationSlotLoss",
      message: expect.stringMatching(/archive \(physical\), reports \(logical\)\. .*acceptSlotLoss: true/),
    },
  });
  expect((await findPostmaster(await onPrimary()))!.pid, "nothing was touched").toBe(pid);
  const done = await failOver(true);
  expect(done.result).toMatchObject({ lostSlots: ["archive", "reports"] });
  expect(done.message).toMatch(/Replication slots were lost: archive, reports\./);
  expect((await failOver()).result).toMatchObject({ lostSlots: [] });
});

test("what settings name among the data of the old primary never replaces that of the new one", async () => {
  await appendFile(await onPrimary("postgresql.conf"), "ssl_ca_file = 'global/pg_control'\n");
  const end = await failOver();
  expect(end.result).toMatchObject({ notCarried: ["global/pg_control, which belongs to the data"] });
  const kept = JSON.parse(await readFile(folderOf("configuration.json"), "utf8")).files;
  expect(Object.keys(kept)).not.toContain("global/pg_control");
});
