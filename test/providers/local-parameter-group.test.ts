/** Parameter groups of a pair: in force on both servers, after a kill too, and through a failover. */
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Sql } from "postgres";
import { expect, test } from "vitest";
import type { Deed } from "../../src/providers/deed.js";
import type { OperationRequest } from "../../src/providers/provider.js";
import { localParameterGroups } from "../../src/values/parameter-groups.js";
import { groupOf, newOperationId, operate, query, rebootOf, runProgram, untilEnded } from "../support/ground.js";
import { eventually } from "../support/sandbox.js";
import { usePair } from "./pair.js";

const pair = usePair();
const groups = localParameterGroups.parse({
  reports: { settings: { work_mem: "9MB", track_activity_query_size: 2048, random_page_cost: 1.5 } },
  // No standby starts with less than its primary had.
  wide: { settings: { max_locks_per_transaction: 128 } },
  // PostgreSQL takes it, and then finds no such memory.
  sorts: { settings: { work_mem: "7MB" } },
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

/** Another process asks for a group, up to the point where it is killed. Then a successor, whose groups are these, settles it. */
async function killDuring(name: string, killAt: string, settings: object, after: object = settings) {
  const request = { ...groupOf(pair.id, name), operationId: newOperationId() } as OperationRequest;
  await pair.provider.release();
  const args = [join(pair.ground.path, "fleet"), killAt, JSON.stringify(request), "", "", JSON.stringify(settings)];
  expect(await runProgram(new URL("drive.ts", import.meta.url), args)).toBe("SIGKILL");
  await reopen({ parameterGroups: localParameterGroups.parse(after) });
  return untilEnded(pair.provider, request);
}

test("its settings are taken back, by whoever goes on after a kill too", async () => {
  expect(await killDuring("default", "The parameter group is decided", {})).toMatchObject({
    state: "succeeded",
    result: { parameterGroup: { name: "default", status: "pending-reboot" } },
  });
  expect(await inForce()).toEqual(both(["4MB", "4", "2kB"]));
  await operate(pair.provider, rebootOf(pair.id));
  expect(await inForce()).toEqual(both(["4MB", "4", "1kB"]));
  expect((await pair.describe()).parameterGroup).toEqual({ name: "default", status: "in-sync" });
  await pair.expectWhole("a");
});

test("a group that was asked for anew, with other settings, has them, or the operation has failed", async () => {
  const sorts = (work_mem: string) => ({ sorts: { settings: { work_mem } } });
  for (const [killAt, asked, has, end] of [
    ["The parameter group is decided", "7MB", "7MB", { state: "succeeded" }],
    ["Changing the parameter group", "8MB", "7MB", { state: "failed", failure: { code: "Interrupted" } }],
    ["The parameter group is decided", "8MB", "8MB", { state: "succeeded" }],
  ] as const) {
    expect(await killDuring("sorts", killAt, sorts(asked))).toMatchObject(end);
    expect(await settings("work_mem")).toEqual(both(has));
  }
  // Who goes on has other settings of that name: the operation has done what it was asked.
  expect(await killDuring("sorts", "The parameter group is decided", sorts("9MB"), sorts("6MB"))).toMatchObject({
    state: "succeeded",
  });
  expect(await settings("work_mem")).toEqual(both("9MB"));
});

/** The standby b refuses Postern, as long as `meanwhile` takes. */
async function turnedAway(meanwhile: () => Promise<void>): Promise<void> {
  const file = pair.memberFolder("b", "data/pg_hba.conf");
  const text = await readFile(file, "utf8");
  const isRefused = async () => /does not let/.test(String((await pair.describe()).members[1]?.lastError));
  const change = async (to: string, isWanted: boolean) => {
    await writeFile(file, to);
    process.kill((await pair.postmasterOf("b")).pid, "SIGHUP");
    await eventually(async () => (await isRefused()) === isWanted);
  };
  await change(`local all all reject\n${text}`, true);
  await meanwhile();
  await change(text, false);
}

test("a standby that cannot be asked is told to have it once it says so, and is asked to read it all the same", async () => {
  await reopen({ parameterGroups: groups });
  await turnedAway(async () => {
    const parameterGroup = { name: "sorts", status: "applying" };
    expect(await operate(pair.provider, groupOf(pair.id, "sorts"))).toMatchObject({
      state: "succeeded",
      message: expect.stringContaining("Whether pair-b has its settings is not known"),
      result: { parameterGroup },
    });
    expect((await pair.describe()).parameterGroup).toEqual(parameterGroup);
  });
  expect((await pair.describe()).parameterGroup).toEqual({ name: "sorts", status: "in-sync" });
  expect(await settings("work_mem")).toEqual(both("7MB"));
});

test("what a standby has of the group before is not forgotten while it cannot be asked", async () => {
  await operate(pair.provider, groupOf(pair.id, "reports"));
  await operate(pair.provider, rebootOf(pair.id));
  expect((await pair.describe()).parameterGroup).toEqual({ name: "reports", status: "in-sync" });
  await operate(pair.provider, groupOf(pair.id, "default"));
  await turnedAway(async () => {
    expect(await operate(pair.provider, rebootOf(pair.id))).toMatchObject({ state: "succeeded" });
    expect((await pair.describe()).parameterGroup).toEqual({ name: "default", status: "applying" });
  });
  expect(await settings("track_activity_query_size")).toEqual(["1kB", "2kB"]);
  expect((await pair.describe()).parameterGroup).toEqual({ name: "default", status: "pending-reboot" });
  await operate(pair.provider, rebootOf(pair.id));
  expect(await settings("track_activity_query_size")).toEqual(both("1kB"));
  expect((await pair.describe()).parameterGroup).toEqual({ name: "default", status: "in-sync" });
});

test("a standby that takes over has the group, and the failover says which settings wait for a reboot", async () => {
  await operate(pair.provider, groupOf(pair.id, "reports"));
  const missing = "settings of the parameter group reports that wait for a reboot (track_activity_query_size)";
  expect(await operate(pair.provider, rebootOf(pair.id, true))).toMatchObject({
    state: "succeeded",
    message: expect.stringContaining(`It does not have: ${missing}.`),
    result: { primary: "pair-b", notCarried: [missing] },
  });
  await pair.expectWhole("b");
  // The old primary is made anew, and starts with all of them.
  expect(await inForce()).toEqual([
    ["9MB", "1.5", "2kB"],
    ["9MB", "1.5", "1kB"],
  ]);
  expect((await pair.describe()).parameterGroup).toEqual({ name: "reports", status: "pending-reboot" });
  await operate(pair.provider, rebootOf(pair.id));
  expect(await inForce()).toEqual(both(["9MB", "1.5", "2kB"]));
  expect((await pair.describe()).parameterGroup).toEqual({ name: "reports", status: "in-sync" });
});

test("a standby that does not start with the group takes over with the group before", async () => {
  await operate(pair.provider, groupOf(pair.id, "boundless"));
  process.kill((await pair.postmasterOf("b")).pid, "SIGKILL");
  await rename(pair.memberFolder("b", "data"), pair.memberFolder("b", "gone"));
  expect(await operate(pair.provider, rebootOf(pair.id, true))).toMatchObject({
    state: "succeeded",
    message: expect.stringContaining("pair does not start with the parameter group boundless, and has reports again. "),
    result: { primary: "pair-a" },
  });
  await pair.expectWhole("a");
  expect(await inForce()).toEqual(both(["9MB", "1.5", "2kB"]));
  expect((await pair.describe()).parameterGroup).toEqual({ name: "reports", status: "in-sync" });
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
  expect((await pair.describe()).parameterGroup).toEqual({ name: "default", status: "applying" });
  // The standby has read the group's settings that need no restart, and takes them back.
  await pair.provider.upkeep();
  await eventually(async () => (await pair.describe()).parameterGroup?.status === "pending-reboot");
  expect(await inForce()).toEqual(both(["4MB", "4", "1kB"]));
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
