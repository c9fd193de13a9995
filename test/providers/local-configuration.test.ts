/** Configuration that changes of instances that exist is applied once, told for the record, and takes back nothing that operations changed. */
import { access, readdir, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import type { Deed } from "../../src/providers/deed.js";
import type { LocalProvider } from "../../src/providers/local.js";
import { listAll, NEW, operate, query, rebootOf, tagsOf, untilStreaming, useGround } from "../support/ground.js";
import { eventually, processesIn } from "../support/sandbox.js";

vi.setConfig({ testTimeout: 60_000 });
const ground = useGround();
const told: Deed[] = [];
let provider: LocalProvider | undefined;
afterAll(() => provider?.stopAll());

const wanted = { ...NEW, identifier: "kept-dev", tags: [{ key: "Environment", value: "Development" }] };
/** A start of Postern with this configuration, before anything is started. */
async function reopen(configured: Parameters<LocalProvider["create"]>[0]): Promise<LocalProvider> {
  await provider?.stopAll();
  provider = await ground.open();
  provider.reportTo(async (deed) => void told.push(deed));
  await provider.plan([configured]);
  return provider;
}
const only = async (from: LocalProvider) => (await listAll(from))[0]!;
const configurations = () => told.filter(({ action }) => action === "instance.configure");

test("tags, windows and retention count before the instance is started, and are told once", async () => {
  const first = await reopen(wanted);
  await first.create(wanted);
  const { providerId } = await only(first);
  await first.startAll();
  const production = [{ key: "Environment", value: "Production" }];
  const changed = {
    ...wanted,
    tags: production,
    backupWindow: "03:00-03:30",
    maintenanceWindow: "mon:05:00-mon:06:00",
    backupRetentionDays: 3,
  };
  const second = await reopen(changed);
  const { tags, backupWindow, maintenanceWindow, backupRetentionDays } = changed;
  const facts = { providerId, tags, backupWindow, maintenanceWindow, backupRetentionDays };
  expect(await only(second)).toMatchObject({ ...facts, status: "starting" });
  expect(configurations()).toEqual([]);
  await second.startAll();
  const change = (name: "tags" | "backupWindow" | "maintenanceWindow" | "backupRetentionDays") => [
    name,
    { from: wanted[name], to: changed[name] },
  ];
  const changes = Object.fromEntries(
    (["tags", "backupWindow", "maintenanceWindow", "backupRetentionDays"] as const).map(change),
  );
  const deed = { providerId, by: "configuration", action: "instance.configure", result: { changes }, success: true };
  expect(configurations()).toEqual([deed]);

  // An operation's change stays until configuration says something else than before.
  const request = {
    providerId,
    type: "MODIFY_BACKUP_WINDOW",
    backupWindow: "07:00-07:30",
    applyImmediately: true,
  } as const;
  expect(await operate(second, request)).toMatchObject({ state: "succeeded" });
  const owned = { key: "Owner", value: "shop" };
  await operate(second, tagsOf(providerId, { Owner: "shop" }));
  const third = await reopen(changed);
  await third.startAll();
  expect(await only(third)).toMatchObject({
    ...facts,
    tags: [...production, owned],
    backupWindow: "07:00-07:30",
  });
  expect(configurations()).toEqual([deed]);
  await reopen(wanted);
  expect(await only(provider!)).toMatchObject({ tags: [...wanted.tags, owned], backupWindow: wanted.backupWindow });
  await reopen({ ...wanted, tags: [] });
  expect((await only(provider!)).tags, "only what configuration no longer says goes").toEqual([owned]);
  await reopen(wanted);
});

test("a standby that is wanted is built, and one that is not goes, with its slot and its data", async () => {
  const pair = await reopen({ ...wanted, standby: true });
  await pair.startAll();
  await untilStreaming(pair, "kept-dev");
  await eventually(async () => told.some(({ action }) => action === "instance.rebuildStandby"), 20_000);
  const { providerId } = await only(pair);
  const solo = await reopen(wanted);
  await solo.startAll();
  expect(await only(solo)).toMatchObject({ multiAz: false, status: "available", members: [{ role: "PRIMARY" }] });
  expect(await readdir(join(ground.path, "fleet/instances", providerId, "members"))).toEqual(["a"]);
  expect(await query(solo, "kept-dev", (sql) => sql`select from pg_replication_slots`)).toHaveLength(0);
  expect((await processesIn(join(ground.path, "fleet"))).length).toBe(1);
  expect(configurations().at(-1)).toMatchObject({ result: { changes: { standby: { from: true, to: false } } } });
});

test("what may take the last good data away waits until a primary takes writes, and what is kept of a failover stays", async () => {
  const pair = await reopen({ ...wanted, standby: true, maxConnections: 40 });
  await pair.startAll();
  await untilStreaming(pair, "kept-dev");
  await eventually(async () => (await only(pair)).members.every(({ status }) => status === "available"), 20_000);
  const { providerId } = await only(pair);
  const members = (...path: string[]) => join(ground.path, "fleet/instances", providerId, "members", ...path);
  await pair.stopAll();
  await rename(members("a/data/pg_wal"), members("a/wal"));

  const less = { ...wanted, maxConnections: 20 };
  const waiting = await reopen(less);
  await waiting.startAll();
  const seen = await only(waiting);
  expect(seen.members).toMatchObject([{ role: "PRIMARY" }, { role: "STANDBY", endpoint: { host: "127.0.0.1" } }]);
  expect(seen.findings.map(({ kind }) => kind)).toContain("configuration_not_applied");
  const end = await operate(waiting, rebootOf(providerId, true));
  expect(end).toMatchObject({ state: "succeeded", result: { primary: "kept-dev-b", keptAt: expect.any(String) } });
  const { keptAt } = (end as unknown as { result: { keptAt: string } }).result;
  await access(join(keptAt, "base"));

  const solo = await reopen(less);
  await solo.startAll();
  const { multiAz, findings, members: left } = await only(solo);
  expect([multiAz, left.map(({ name, status }) => [name, status])]).toEqual([false, [["kept-dev-b", "available"]]]);
  expect(await query(solo, "kept-dev", (sql) => sql`show max_connections`)).toEqual([{ max_connections: "20" }]);
  expect(await query(solo, "kept-dev", (sql) => sql`select from pg_replication_slots`)).toHaveLength(0);
  expect(await readdir(members("a"))).toEqual([basename(keptAt)]);
  expect(findings).toMatchObject([{ kind: "failover_with_loss", detail: expect.stringContaining(keptAt) }]);
  expect(configurations().at(-1)).toMatchObject({
    result: { changes: { standby: { from: true, to: false }, maxConnections: { from: 40, to: 20 } } },
  });
});

test("what cannot be applied is a finding, and the start goes on", async () => {
  const later = await reopen({ ...wanted, backupRetentionDays: 99 });
  expect(await only(later)).toMatchObject({
    backupRetentionDays: wanted.backupRetentionDays,
    findings: expect.arrayContaining([
      expect.objectContaining({ kind: "configuration_not_applied", severity: "WARNING", subject: null }),
    ]),
  });
  await later.startAll();
  expect((await only(later)).status).toBe("available");
  expect((await only(await reopen(wanted))).findings.map(({ kind }) => kind)).not.toContain(
    "configuration_not_applied",
  );
});
