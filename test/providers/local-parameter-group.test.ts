/** Parameter groups of a pair: in force on both servers, after a kill too; and what a configuration of groups may not say. */
import { join } from "node:path";
import type { Sql } from "postgres";
import { expect, test } from "vitest";
import type { Deed } from "../../src/providers/deed.js";
import type { OperationRequest } from "../../src/providers/provider.js";
import { localParameterGroups } from "../../src/values/parameter-groups.js";
import { groupOf, newOperationId, operate, query, rebootOf, runProgram, untilEnded } from "../support/ground.js";
import { usePair } from "./pair.js";

const pair = usePair();
const groups = localParameterGroups.parse({
  reports: { settings: { work_mem: "9MB", track_activity_query_size: 2048, random_page_cost: 1.5 } },
  // No standby starts with less than its primary had.
  wide: { settings: { max_locks_per_transaction: 128 } },
  // PostgreSQL takes it, and then finds no such memory.
  boundless: { settings: { work_mem: "8MB", min_dynamic_shared_memory: 2_147_483_647 } },
});

async function inForce() {
  const { members } = await pair.describe();
  return Promise.all(
    members.map(async ({ endpoint }) => {
      const [row] = await query(
        pair.provider,
        "pair",
        (sql) => sql`
          select current_setting('work_mem') as work, current_setting('track_activity_query_size') as size,
            current_setting('random_page_cost') as cost`,
        { port: endpoint!.port },
      );
      return [row?.work, row?.cost, row?.size];
    }),
  );
}
async function settings(name: string) {
  const { members } = await pair.describe();
  return Promise.all(
    members.map(async ({ endpoint }) => {
      const read = (sql: Sql) => sql`select current_setting(${name}) as value`;
      return (await query(pair.provider, "pair", read, { port: endpoint!.port }))[0]?.value;
    }),
  );
}
const both = <T>(value: T) => [value, value];

async function reopen(options: Parameters<typeof pair.open>[0]) {
  await pair.provider.release();
  pair.provider = await pair.open(options);
  await pair.provider.startAll();
}

test("both servers have it at once, what needs a restart after a reboot, and it stays when it is configured no more", async () => {
  await reopen({ parameterGroups: groups });
  expect(await operate(pair.provider, groupOf(pair.id, "reports"))).toMatchObject({ state: "succeeded" });
  expect(await inForce()).toEqual(both(["9MB", "1.5", "1kB"]));
  expect((await pair.describe()).parameterGroup).toEqual({ name: "reports", status: "pending-reboot" });
  await reopen({});
  expect((await pair.describe()).parameterGroup).toEqual({ name: "reports", status: "pending-reboot" });
  expect(await operate(pair.provider, rebootOf(pair.id))).toMatchObject({ state: "succeeded" });
  expect(await inForce()).toEqual(both(["9MB", "1.5", "2kB"]));
  expect((await pair.describe()).parameterGroup).toEqual({ name: "reports", status: "in-sync" });
  expect(await operate(pair.provider, groupOf(pair.id, "reports"))).toMatchObject({
    state: "failed",
    failure: { code: "DBParameterGroupNotFound", message: "There is no parameter group reports. There are: default." },
  });
  await pair.expectWhole("a");
});

test("its settings are taken back, by whoever goes on after a kill too", async () => {
  const request = { ...groupOf(pair.id, "default"), operationId: newOperationId() } as OperationRequest;
  await pair.provider.release();
  const args = [join(pair.ground.path, "fleet"), "The parameter group is decided", JSON.stringify(request)];
  expect(await runProgram(new URL("drive.ts", import.meta.url), args)).toBe("SIGKILL");
  await reopen({});
  expect(await untilEnded(pair.provider, request)).toMatchObject({
    state: "succeeded",
    result: { parameterGroup: { name: "default", status: "pending-reboot" } },
  });
  expect(await inForce()).toEqual(both(["4MB", "4", "2kB"]));
  await operate(pair.provider, rebootOf(pair.id));
  expect(await inForce()).toEqual(both(["4MB", "4", "1kB"]));
  expect((await pair.describe()).parameterGroup).toEqual({ name: "default", status: "in-sync" });
  await pair.expectWhole("a");
});

test("what a standby must have as much of as its primary becomes less, and the standby runs on", async () => {
  await reopen({ parameterGroups: groups });
  // The standby keeps what it was raised to before the reboot of its primary.
  for (const [name, locks] of [
    ["wide", ["128", "128"]],
    ["default", ["64", "128"]],
  ] as const) {
    await operate(pair.provider, groupOf(pair.id, name));
    expect(await operate(pair.provider, rebootOf(pair.id))).toMatchObject({ state: "succeeded" });
    expect(await settings("max_locks_per_transaction")).toEqual(locks);
    expect((await pair.describe()).parameterGroup).toEqual({ name, status: "in-sync" });
  }
  await pair.expectWhole("a");
});

test("a group with which PostgreSQL does not start is put back by the reboot, and the instance runs", async () => {
  await reopen({ parameterGroups: groups });
  const deeds: Deed[] = [];
  pair.provider.reportTo(async (deed) => void deeds.push(deed));
  expect(await operate(pair.provider, groupOf(pair.id, "boundless"))).toMatchObject({ state: "succeeded" });
  expect((await pair.describe()).parameterGroup).toEqual({ name: "boundless", status: "pending-reboot" });
  const message = expect.stringContaining(
    "pair does not start with the parameter group boundless, and has default again.",
  );
  expect(await operate(pair.provider, rebootOf(pair.id))).toMatchObject({
    state: "failed",
    failure: { code: "StartFailed", message },
  });
  expect((await pair.describe()).parameterGroup?.name).toBe("default");
  expect(deeds.filter(({ action }) => action === "instance.putBackParameterGroup")).toMatchObject([
    { by: "repair", success: true, result: { from: "boundless", parameterGroup: "default", reason: message } },
  ]);
  expect(await operate(pair.provider, rebootOf(pair.id))).toMatchObject({ state: "succeeded" });
  expect(await inForce()).toEqual(both(["4MB", "4", "1kB"]));
  expect((await pair.describe()).parameterGroup).toEqual({ name: "default", status: "in-sync" });
  await pair.expectWhole("a");
});

test("one that dies before a reboot comes back with the group before", async () => {
  await operate(pair.provider, groupOf(pair.id, "boundless"));
  process.kill((await pair.postmasterOf("a")).pid, "SIGKILL");
  await pair.provider.upkeep();
  expect((await pair.describe()).parameterGroup?.name).toBe("default");
  await pair.expectWhole("a");
});

test.each([
  "port",
  "listen_addresses",
  "data_directory",
  "ssl",
  "ssl_key_file",
  "archive_command",
  "restore_command",
  "primary_conninfo",
  "wal_level",
  "max_wal_senders",
  "synchronous_standby_names",
  "shared_preload_libraries",
  "shared_buffers",
  "max_connections",
  "fsync",
  "include",
  "plperl.on_plperl_init",
  "plperlu.on_init",
  "pltcl.start_proc",
  "pltclu.start_proc",
  "plpgsql.extra_errors",
  "oauth_validator_libraries",
  "statement_timeout",
  "transaction_timeout",
  "pre_auth_delay",
  "post_auth_delay",
  "authentication_timeout",
  "search_path",
  "session_replication_role",
  "reserved_connections",
  "wal_sync_method",
  "stats_temp_directory",
])("%s is no setting of a group", (name) => {
  const { success, error } = localParameterGroups.safeParse({ reports: { settings: { [name]: "x" } } });
  expect([success, error?.issues[0]?.path, JSON.stringify(error?.issues)]).toEqual([
    false,
    ["reports", "settings", name],
    expect.stringContaining("Postern sets itself"),
  ]);
});

test.each([
  { default: { settings: {} } },
  { "1st": { settings: {} } },
  { reports: { settings: { WORK_MEM: "1MB" } } },
  { reports: { settings: { work_mem: "1MB\nport = 1" } } },
  { reports: { settings: { work_mem: "x".repeat(1001) } } },
  { reports: { settings: { work_mem: null } } },
  { reports: {} },
  { reports: { settings: Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`custom.n${n}`, "1"])) } },
  Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`g${n}`, { settings: {} }])),
])("%j is no configuration of groups", (text) => {
  expect(localParameterGroups.safeParse(text).success).toBe(false);
});
