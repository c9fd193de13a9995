/** The class of a pair: really in force, in the order that PostgreSQL demands, put back where it does not start. */
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Sql } from "postgres";
import { afterEach, expect, test } from "vitest";
import type { Deed } from "../../src/providers/deed.js";
import { LOCAL_CLASSES, localClass } from "../../src/providers/local/classes.js";
import type { OperationRequest } from "../../src/providers/provider.js";
import {
  classOf,
  clock,
  INTENT,
  newOperationId,
  operate,
  query,
  startOf,
  stopOf,
  untilEnded,
} from "../support/ground.js";
import { refusingBinaries } from "../support/refusing-binaries.js";
import { eventually } from "../support/sandbox.js";
import { usePair } from "./pair.js";

const pair = usePair();
afterEach(() => {
  clock.offsetMs = 0;
});

const WINDOW = Date.parse("2027-01-03T05:30:00Z");
const enterWindow = (afterMs = 0) => {
  clock.offsetMs = WINDOW + afterMs - Date.now();
};

/** What each server says, the primary first. */
async function inForce() {
  const { members } = await pair.describe();
  const ports = members
    .toSorted((one, other) => (one.role < other.role ? -1 : 1))
    .map(({ endpoint }) => endpoint!.port);
  return Promise.all(
    ports.map(async (port) => {
      const [row] = await query(
        pair.provider,
        "pair",
        (sql) => sql`
          select current_setting('shared_buffers') as buffers, current_setting('work_mem') as work,
            current_setting('max_connections')::int as connections, pg_postmaster_start_time()::text as since`,
        { port },
      );
      return row as unknown as { buffers: string; work: string; connections: number; since: string };
    }),
  );
}
const SMALL = { buffers: "128MB", work: "4MB", connections: 100 };
const MEDIUM = { buffers: "512MB", work: "8MB", connections: 200 };

async function reopen(options: Parameters<typeof pair.open>[0]): Promise<Deed[]> {
  await pair.provider.release();
  pair.provider = await pair.open(options);
  const deeds: Deed[] = [];
  pair.provider.reportTo(async (deed) => void deeds.push(deed));
  await pair.provider.startAll();
  return deeds;
}

test("a larger one is in force on the standby before it is on the primary", async () => {
  await pair.insert(10);
  const end = await operate(pair.provider, classOf(pair.id, "local.medium"));
  expect(end).toMatchObject({
    state: "succeeded",
    resourceStatus: "available",
    message: "The class of pair is local.medium.",
    result: { instanceClass: "local.medium", pendingInstanceClass: null, awaySeconds: expect.any(Number) },
  });
  const [primary, standby] = await inForce();
  expect([primary, standby]).toMatchObject([MEDIUM, MEDIUM]);
  expect(standby!.since < primary!.since).toBe(true);
  expect(await pair.describe()).toMatchObject({ instanceClass: "local.medium", findings: [] });
  await pair.expectWhole("a");
});

test("a smaller one is in force on the primary before it is on the standby, which has no more connections then", async () => {
  expect(await operate(pair.provider, classOf(pair.id, "local.small"))).toMatchObject({ state: "succeeded" });
  const [primary, standby] = await inForce();
  expect([primary, standby]).toMatchObject([SMALL, SMALL]);
  expect(primary!.since < standby!.since).toBe(true);
  await pair.expectWhole("a");
});

test("what people set otherwise counts, and the class of before changes nothing of it", async () => {
  await appendFile(pair.memberFolder("a", "data/postgresql.conf"), "work_mem = '5MB'\n");
  await query(pair.provider, "pair", (sql) => sql`select pg_reload_conf()`);
  await query(pair.provider, "pair", (sql) => sql`alter system set maintenance_work_mem = '48MB'`);
  const before = await inForce();
  // It is what it has: nothing restarts.
  const again = await operate(pair.provider, classOf(pair.id, "local.small"));
  expect(again).toMatchObject({ state: "succeeded", result: { instanceClass: "local.small" } });
  expect(again).not.toMatchObject({ result: { awaySeconds: expect.anything() } });
  expect((await inForce()).map(({ since }) => since)).toEqual(before.map(({ since }) => since));
  expect(await operate(pair.provider, classOf(pair.id, "local.medium"))).toMatchObject({ state: "succeeded" });
  const [settings] = await query(
    pair.provider,
    "pair",
    (sql) => sql`
      select current_setting('work_mem') as work, current_setting('maintenance_work_mem') as maintenance,
        current_setting('effective_cache_size') as cache`,
  );
  expect(settings).toEqual({ work: "5MB", maintenance: "48MB", cache: "1536MB" });
  expect(await operate(pair.provider, classOf(pair.id, "local.small"))).toMatchObject({ state: "succeeded" });
});

test("one that this host has not the memory for is refused before anything is touched, and so is an unknown one", async () => {
  await reopen({ limits: { answerTimeoutMs: 1_000, memoryMiB: 2 * 2048 - 1 } });
  const before = await inForce();
  const refused = (code: string, message: string) => ({
    state: "failed",
    resourceStatus: "available",
    failure: { code, message: expect.stringContaining(message) },
  });
  for (const atOnce of [true, false]) {
    expect(await operate(pair.provider, classOf(pair.id, "local.medium", atOnce))).toMatchObject(
      refused("InsufficientDBInstanceCapacity", "would need 4096 MiB of memory, and this host has 4095 MiB"),
    );
    expect(await operate(pair.provider, classOf(pair.id, "local.huge", atOnce))).toMatchObject(
      refused("InvalidParameterValue", "The classes are local.micro, local.small"),
    );
  }
  // One that needs less is not refused on a host that has too little already.
  await reopen({ limits: { answerTimeoutMs: 1_000, memoryMiB: 1 } });
  for (const [name, pending] of [
    ["local.micro", "local.micro"],
    ["local.small", null],
  ] as const) {
    expect(await operate(pair.provider, classOf(pair.id, name, false))).toMatchObject({
      state: "succeeded",
      result: { pendingInstanceClass: pending },
    });
  }
  expect(await inForce()).toEqual(before);
  expect(await pair.describe()).toMatchObject({ instanceClass: "local.small", pendingInstanceClass: null });
});

test("what a server that was still starting left incomplete is completed first", async () => {
  await reopen({});
  const file = join(pair.ground.path, "fleet/instances", pair.id, "instance.json");
  const instance = JSON.parse(await readFile(file, "utf8"));
  const [a, b] = [await pair.postmasterOf("a"), await pair.postmasterOf("b")];
  await writeFile(
    file,
    JSON.stringify({
      ...instance,
      instanceClass: "local.medium",
      maxConnections: 200,
      classChange: {
        from: { instanceClass: "local.small", maxConnections: 100 },
        runs: { a: a.run, b: b.run },
        requestedAt: null,
      },
    }),
  );
  expect(await operate(pair.provider, classOf(pair.id, "local.medium"))).toMatchObject({
    state: "succeeded",
    result: { instanceClass: "local.medium", awaySeconds: expect.any(Number) },
  });
  expect(await inForce()).toMatchObject([
    { buffers: "512MB", connections: 200 },
    { buffers: "512MB", connections: 200 },
  ]);
  expect(await operate(pair.provider, classOf(pair.id, "local.small"))).toMatchObject({ state: "succeeded" });
  await pair.expectWhole("a");
});

test("one with which the primary does not start is put back, on the standby too, which had it already", async () => {
  const bin = await refusingBinaries(pair.ground.path, "*shared_buffers=512MB*cluster_name=*-a*");
  await reopen({ bin });
  const request = { ...classOf(pair.id, "local.medium"), operationId: newOperationId() } as OperationRequest;
  await pair.provider.start(request, INTENT);
  const end = await untilEnded(pair.provider, request);
  expect(end).toMatchObject({
    state: "failed",
    resourceStatus: "available",
    failure: {
      code: "StartFailed",
      message: expect.stringMatching(
        /does not start with local.medium, and has local.small again.*Cannot allocate memory/,
      ),
    },
  });
  expect(await inForce()).toMatchObject([
    { buffers: "128MB", connections: 100 },
    { buffers: "128MB", connections: 100 },
  ]);
  expect(await pair.describe()).toMatchObject({ instanceClass: "local.small", pendingInstanceClass: null });
  await pair.expectWhole("a");
  await pair.provider.start(request, INTENT);
  expect(await pair.provider.poll(request, INTENT), "started once more").toEqual(end);
});

test("in the maintenance window it is put back too, and on record", async () => {
  const bin = await refusingBinaries(pair.ground.path, "*shared_buffers=512MB*");
  const deeds = await reopen({ bin });
  expect(await operate(pair.provider, classOf(pair.id, "local.medium", false))).toMatchObject({ state: "succeeded" });
  enterWindow();
  await pair.provider.upkeep();
  expect(deeds.filter(({ action }) => action === "instance.applyInstanceClass")).toMatchObject([
    {
      by: "maintenance",
      success: false,
      result: { from: "local.small", instanceClass: "local.medium", reason: expect.stringContaining("memory") },
    },
  ]);
  expect(await pair.describe()).toMatchObject({ instanceClass: "local.small", pendingInstanceClass: null });
  await pair.expectWhole("a");
});

test("a pending one is shown, waits for an open window and a running instance, and is then in force, once and on record", async () => {
  const deeds = await reopen({});
  const applied = () => deeds.filter(({ action }) => action === "instance.applyInstanceClass");
  expect(await operate(pair.provider, classOf(pair.id, "local.medium", false))).toMatchObject({
    state: "succeeded",
    message: "The class of pair becomes local.medium in the maintenance window.",
    result: { instanceClass: "local.small", pendingInstanceClass: "local.medium" },
  });
  // Another one in its place; the one that it has takes it back.
  expect(await operate(pair.provider, classOf(pair.id, "local.micro", false))).toMatchObject({
    result: { pendingInstanceClass: "local.micro" },
  });
  expect(await operate(pair.provider, classOf(pair.id, "local.small", false))).toMatchObject({
    result: { pendingInstanceClass: null },
  });
  await operate(pair.provider, classOf(pair.id, "local.medium", false));
  enterWindow(3_600_000);
  await pair.provider.upkeep();
  expect(await operate(pair.provider, stopOf(pair.id))).toMatchObject({ state: "succeeded" });
  enterWindow();
  await pair.provider.upkeep();
  expect(await pair.describe()).toMatchObject({
    status: "stopped",
    instanceClass: "local.small",
    pendingInstanceClass: "local.medium",
  });
  expect(await operate(pair.provider, startOf(pair.id))).toMatchObject({ state: "succeeded" });
  expect([applied(), (await inForce())[0]!.buffers]).toEqual([[], "128MB"]);
  for (let n = 0; n < 2; n++) await pair.provider.upkeep();
  expect(await inForce()).toMatchObject([
    { buffers: "512MB", connections: 200 },
    { buffers: "512MB", connections: 200 },
  ]);
  expect(await pair.describe()).toMatchObject({ instanceClass: "local.medium", pendingInstanceClass: null });
  expect(applied()).toMatchObject([
    { success: true, result: { from: "local.small", instanceClass: "local.medium", requestedAt: expect.any(String) } },
  ]);
  await pair.expectWhole("a");
});

const unwell = {
  frozen: async (pid: number) => void process.kill(pid, "SIGSTOP"),
  starting: async (pid: number, port: number) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    // It waits for this client to leave.
    const client = (sql: Sql) => sql`select`.then(() => resolve()).then(() => sql`select pg_sleep(600)`);
    void query(pair.provider, "pair", client, { port }).catch(() => {});
    await promise;
    process.kill(pid, "SIGTERM");
  },
} as const;
test.each([
  ["frozen", "failed", "local.small", SMALL.buffers],
  ["starting", "starting", "local.medium", MEDIUM.buffers],
] as const)("a standby that is %s when a class is decided is restarted with it", async (how, status, name, buffers) => {
  const before = await pair.postmasterOf("b");
  await unwell[how](before.pid, before.port);
  await eventually(async () => (await pair.describe()).members[1]?.status === status);
  const begun = Date.now();
  expect(await operate(pair.provider, classOf(pair.id, name))).toMatchObject({ state: "succeeded" });
  expect(Date.now() - begun, "it does not wait as long as for one that answers").toBeLessThan(30_000);
  expect((await pair.postmasterOf("b")).run).not.toBe(before.run);
  expect(await inForce()).toMatchObject([{ buffers }, { buffers }]);
  await pair.expectWhole("a");
});

test("the README says of each class what it is", async () => {
  const readme = await readFile(new URL("../../src/providers/local/README.md", import.meta.url), "utf8");
  const rows = [...readme.matchAll(/^\| `(local\.\w+)` \| (\d+) (MiB|GiB) \| (.*) \|$/gm)];
  const told = rows.map(([, name, size, unit, rest]) => [
    name,
    Number(size) * (unit === "GiB" ? 1024 : 1),
    ...rest!.split(" | "),
  ]);
  expect(told).toEqual(
    LOCAL_CLASSES.map((name) => {
      const { memoryMiB, maxConnections, startSettings, defaults } = localClass(name);
      return [name, memoryMiB, ...Object.values(startSettings), ...Object.values(defaults), String(maxConnections)];
    }),
  );
});
