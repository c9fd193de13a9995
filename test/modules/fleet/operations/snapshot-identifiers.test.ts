/** The identifier of a snapshot that is gone may be taken again: that is another snapshot, and what was before stays as it was. */
import { rm } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { LocalProvider } from "../../../../src/providers/local.js";
import { type Client, testApp } from "../../../support/app.js";
import { accepted, hasten, instanceOf, operationOf } from "../../../support/fleet-app.js";
import { idOf, NEW, operate, query, snapshotOf, useGround } from "../../../support/ground.js";
import { polling } from "../../../support/scripted-provider.js";

const ground = useGround();
let provider: LocalProvider;
let dba: Client;
afterAll(() => provider?.stopAll());

const app = testApp(polling({ local: 600 }), async () => {
  provider = await ground.open();
  const wanted = (identifier: string) => ({ ...NEW, identifier, backupRetentionDays: 0 });
  await Promise.all(["one-dev", "two-dev"].map((identifier) => provider.create(wanted(identifier))));
  return [provider];
});
beforeAll(async () => {
  dba = await app.as("dba");
});

const take = (instanceId: string, snapshotId: string) =>
  accepted(dba, "createSnapshot", { instanceId, snapshotId, waitSeconds: 30 });
const look = () => hasten(app, "inventory-local");
const listed = async (identifier: string): Promise<string[][]> => {
  const { snapshots } = await instanceOf(dba, identifier, "snapshots { nodes { identifier status } }");
  return snapshots.nodes.map((one: Record<string, string>) => [one.identifier, one.status]);
};

it.each([
  ["of the same instance", "one-dev", "same"],
  ["of another instance", "two-dev", "other"],
])("taken again %s after somebody had deleted it outside", async (_of, instanceId, snapshotId) => {
  const first = await take("one-dev", snapshotId);
  expect(first).toMatchObject({ status: "SUCCEEDED", snapshot: { status: "available" } });
  await rm(first.snapshot.arn, { recursive: true });
  await look();
  const gone = { ...first, snapshot: { ...first.snapshot, status: "deleted" } };
  expect(await operationOf(dba, first.id)).toEqual(gone);

  await query(provider, instanceId, (sql) =>
    sql.unsafe(`create table more_${snapshotId} as select generate_series(1, 50000)`),
  );
  const second = await take(instanceId, snapshotId);
  expect(second.snapshot).toMatchObject({ arn: first.snapshot.arn, status: "available" });
  expect(second.snapshot.id).not.toBe(first.snapshot.id);
  await look();
  expect(await operationOf(dba, first.id)).toEqual(gone);
  expect(await operationOf(dba, second.id)).toEqual(second);
});

it("deleted and taken again outside between two looks", async () => {
  const [one, two] = [await idOf(provider, "one-dev"), await idOf(provider, "two-dev")];
  const first = await take("one-dev", "outside");
  for (const [providerId, instanceId] of [
    [one, "one-dev"],
    [two, "two-dev"],
  ] as const) {
    await provider.deleteSnapshot(one, { snapshotId: "outside" });
    expect(await operate(provider, snapshotOf(providerId, "outside"))).toMatchObject({ state: "succeeded" });
    await look();
    const { snapshot, ...others } = await operationOf(dba, first.id);
    expect({ snapshot, ...others }).toEqual({ ...first, snapshot: { ...first.snapshot, status: "deleted" } });
    expect((await listed(instanceId)).filter(([name]) => name === "outside")[0]).toEqual(["outside", "available"]);
  }
  const names = (await listed("one-dev")).filter(([name]) => name === "outside");
  expect(names).toEqual([
    ["outside", "deleted"],
    ["outside", "deleted"],
  ]);
});

it("one that is there again was never gone", async () => {
  const { snapshot, id } = await take("one-dev", "hidden");
  await app.sql`update snapshots set status = 'deleted' where id = ${snapshot.id}`;
  await look();
  expect((await operationOf(dba, id)).snapshot).toEqual(snapshot);
});
