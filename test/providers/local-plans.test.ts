/** Instances that are wanted are listed before they are there, under an id that stays, however often making them fails or is killed. */
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import type { LocalProvider, LocalProviderOptions } from "../../src/providers/local.js";
import {
  INTENT,
  listAll,
  NEW,
  newOperationId,
  operate,
  query,
  rebootOf,
  runProgram,
  untilEnded,
  useGround,
} from "../support/ground.js";
import { eventually, processesIn } from "../support/sandbox.js";

vi.setConfig({ testTimeout: 60_000 });
const ground = useGround();
const opened: LocalProvider[] = [];
const open = async (options: Partial<LocalProviderOptions> = {}) => {
  const provider = await ground.open(options);
  opened.push(provider);
  return provider;
};
afterAll(() => Promise.all(opened.map((provider) => provider.stopAll())));

const wanted = { ...NEW, identifier: "wanted-dev" };
const folders = () => readdir(join(ground.path, "fleet/instances"));
const only = async (provider: LocalProvider) => {
  const list = await listAll(provider);
  expect(list).toHaveLength(1);
  return list[0]!;
};

test("a planned one is listed as it will be, cannot be reached, and keeps its id until it is there", async () => {
  const provider = await open();
  expect(await provider.plan([wanted, { ...wanted, identifier: "WANTED-dev" }])).toEqual([wanted]);
  const planned = await only(provider);
  expect(planned).toMatchObject({
    identifier: "wanted-dev",
    status: "creating",
    endpoint: null,
    members: [{ name: "wanted-dev-a", role: "PRIMARY", endpoint: null }],
    tags: NEW.tags,
    backupWindow: NEW.backupWindow,
    maintenanceWindow: NEW.maintenanceWindow,
    backupRetentionDays: 7,
    findings: [],
  });
  await expect(provider.connectionOf("wanted-dev")).rejects.toMatchObject({ code: "UNAVAILABLE" });
  const request = { ...rebootOf(planned.providerId), operationId: newOperationId() } as Parameters<
    typeof provider.poll
  >[0];
  expect(await provider.poll(request, INTENT)).toEqual({ state: "unknown" });
  await expect(provider.start(request, INTENT)).rejects.toMatchObject({ code: "UNAVAILABLE" });

  // Another configuration, before it is there.
  await provider.plan([{ ...wanted, standby: true, backupWindow: "04:00-04:30" }]);
  expect(await only(provider)).toMatchObject({
    providerId: planned.providerId,
    multiAz: true,
    backupWindow: "04:00-04:30",
  });
  await provider.plan([]);
  expect([await listAll(provider), await folders()]).toEqual([[], []]);
});

test("killed while it is made: the next process lists it under the same id, and makes it", async () => {
  const folder = join(ground.path, "fleet");
  expect(await runProgram(new URL("drive.ts", import.meta.url), [folder, "planned", JSON.stringify(wanted)])).toBe(
    "SIGKILL",
  );
  const [id] = await folders();
  const provider = await open();
  expect(await processesIn(join(folder, "instances"))).toEqual([]);
  expect(await readdir(join(folder, "instances", id!))).toEqual(["unfinished"]);
  expect(await only(provider)).toMatchObject({ providerId: id, status: "creating" });
  const missing = await provider.plan([wanted]);
  const creating = provider.create(missing[0]!);
  expect(await only(provider)).toMatchObject({ providerId: id, status: "creating" });
  await creating;
  expect(await only(provider)).toMatchObject({ providerId: id, status: "available", endpoint: { host: "127.0.0.1" } });
  expect(await provider.plan([wanted])).toEqual([]);
  expect(await operate(provider, rebootOf(id!))).toMatchObject({ state: "succeeded" });
  await query(provider, "wanted-dev", (sql) => sql`select 1`);
  await provider.destroy("wanted-dev");
});

test("one that cannot be made is failed, says why in a finding, fails what is asked of it, and is made when that is possible", async () => {
  const provider = await open();
  let isPossible = false;
  const fill = async () => {
    if (!isPossible) throw Object.assign(new Error("password=geheim"), { code: "ENOSPC" });
  };
  const [missing] = await provider.plan([{ ...wanted, fill }]);
  const { providerId } = await only(provider);
  await expect(provider.create(missing!)).rejects.toThrow();
  expect(await only(provider)).toMatchObject({
    providerId,
    status: "failed",
    findings: [
      {
        kind: "creation_failed",
        severity: "CRITICAL",
        subject: null,
        detail: expect.stringMatching(/^It could not be created.*every minute\. The disk is full/),
      },
    ],
  });
  expect(await processesIn(join(ground.path, "fleet/instances"))).toEqual([]);
  const request = { ...rebootOf(providerId), operationId: newOperationId() } as Parameters<typeof provider.poll>[0];
  expect(await untilEnded(provider, request)).toMatchObject({
    failure: { code: "InvalidDBInstanceState", message: expect.stringMatching(/could not be created\. The disk/) },
  });

  await provider.upkeep();
  await eventually(async () => ground.lines.some((line) => line.includes("could not be made")), 20_000);
  isPossible = true;
  await eventually(async () => {
    await provider.upkeep();
    return (await only(provider)).status === "available";
  }, 20_000);
  expect(await only(provider)).toMatchObject({ providerId, findings: [] });
});

test("one whose description cannot be read is nothing new: it keeps its identifier, its ports and its data", async () => {
  await Promise.all(opened.map((provider) => provider.stopAll()));
  const [id] = (await folders()) as [string];
  const file = (name: string) => join(ground.path, "fleet/instances", id, name);
  const text = await readFile(file("instance.json"), "utf8");
  const { port } = JSON.parse(text).members[0];
  const other = { ...NEW, identifier: "other-dev" };

  // A kill between the last two steps of making it.
  await writeFile(file("unfinished"), "{}");
  await open();
  expect(await readdir(file(""))).not.toContain("unfinished");
  await rm(file("instance.json.copy"));
  await open();

  for (const damage of [() => writeFile(file("instance.json"), "{"), () => rm(file("instance.json"))]) {
    await damage();
    const provider = await open();
    expect(await provider.plan([wanted, other])).toEqual([other]);
    const seen = (await listAll(provider)).find(({ providerId }) => providerId === id);
    expect(seen).toMatchObject({
      identifier: "wanted-dev",
      status: "failed",
      tags: NEW.tags,
      findings: [{ kind: "instance_unreadable", severity: "CRITICAL" }],
    });
    await expect(provider.create({ ...wanted, identifier: "WANTED-dev" })).rejects.toMatchObject({ code: "CONFLICT" });
    const planned = (await folders()).find((name) => name !== id)!;
    const plan = JSON.parse(await readFile(join(ground.path, "fleet/instances", planned, "unfinished"), "utf8"));
    expect(plan.members).toMatchObject([{ port: expect.any(Number) }]);
    expect(plan.members[0].port).not.toBe(port);
    expect(await provider.plan([wanted])).toEqual([]);
  }

  await writeFile(file("instance.json.copy"), "");
  const blind = await open();
  expect(await blind.plan([wanted, other])).toEqual([]);
  await expect(blind.create(other)).rejects.toMatchObject({
    code: "InvalidDBInstanceState",
    message: expect.stringContaining(`${id}: make instance.json there readable again.`),
  });
  expect(await folders()).toEqual([id]);

  await writeFile(file("instance.json"), text);
  const provider = await open();
  await provider.startAll();
  expect(await only(provider)).toMatchObject({ providerId: id, identifier: "wanted-dev", status: "available" });
});

test("who has lost the folder to another process is told, and does nothing to any instance", async () => {
  const lost = vi.fn();
  const provider = await open({ onLost: lost });
  await provider.startAll();
  await provider.watch();
  expect(lost).not.toHaveBeenCalled();
  const [folder] = await folders();
  const files = async () => {
    const path = join(ground.path, "fleet/instances", folder!);
    return [await readFile(join(path, "instance.json"), "utf8"), await processesIn(path)];
  };
  const before = await files();
  const successor = await open();
  for (const act of [
    () => provider.watch(),
    () => provider.destroy("wanted-dev"),
    () =>
      provider.plan([
        { ...wanted, backupWindow: "05:00-05:30" },
        { ...wanted, identifier: "another-dev" },
      ]),
    () => provider.create({ ...wanted, identifier: "another-dev" }),
  ]) {
    lost.mockClear();
    await expect(act()).rejects.toThrow("Another Postern");
    expect(lost).toHaveBeenCalled();
  }
  await provider.stopAll();
  expect(await files()).toEqual(before);
  await successor.startAll();
  await successor.stopAll();
  expect(await processesIn(ground.path)).toEqual([]);
});
