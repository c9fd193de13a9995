/** What people should look at opens, stays and is resolved as its provider tells it; what a provider does by itself is on record. */
import { expect, it, vi } from "vitest";
import type { Finding } from "../../../../src/providers/provider.js";
import { testApp } from "../../../support/app.js";
import { hasten, leftBy } from "../../../support/fleet-app.js";
import { scriptedProvider } from "../../../support/scripted-provider.js";

const frozen: Finding = { kind: "standby_frozen", severity: "WARNING", subject: "b", detail: "It is frozen. Wake it." };
const split: Finding = { kind: "split_brain", severity: "CRITICAL", subject: null, detail: "Two take writes." };

const provider = scriptedProvider();
provider.add("ailing-dev-01", { findings: [frozen, split, { ...split, detail: "Told twice." }] });
provider.add("well-dev-01");
provider.add("leaving-dev-01", { findings: [frozen] });

const app = testApp({}, async () => [provider]);

const LIST = `query($filter: FindingFilter) {
  findings(filter: $filter, orderBy: [{ field: KIND, direction: DESC }, { field: ID }]) {
    nodes { id kind severity subject detail openedAt resolvedAt instance { identifier } } } }`;
async function listed(identifier: string) {
  const filter = { instance: { identifier: { eq: identifier } } };
  const { data, errors } = await (await app.as("dba")).run(LIST, { filter });
  expect(errors).toBeUndefined();
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not computed with
  return data.findings.nodes as any[];
}
const refreshed = () => hasten(app, "inventory-scripted");

it("opens once what is told, says it as it is told now, resolves what is not told any more, and opens it anew", async () => {
  const first = await listed("ailing-dev-01");
  expect(first).toMatchObject([
    { ...frozen, resolvedAt: null },
    { kind: "split_brain", severity: "CRITICAL" },
  ]);
  expect(first).toHaveLength(2);
  expect(await listed("well-dev-01")).toEqual([]);

  await refreshed();
  expect(await listed("ailing-dev-01")).toMatchObject([frozen, { kind: "split_brain" }]);
  expect((await listed("ailing-dev-01")).map(({ id, openedAt }) => [id, openedAt])).toEqual(
    first.map(({ id, openedAt }) => [id, openedAt]),
  );

  provider.change("ailing-dev-01", { findings: [{ ...frozen, severity: "CRITICAL", detail: "Still." }] });
  await refreshed();
  const [worse, healed, ...others] = await listed("ailing-dev-01");
  expect(others).toEqual([]);
  expect(worse).toMatchObject({ id: first[0].id, severity: "CRITICAL", detail: "Still.", resolvedAt: null });
  expect(healed).toMatchObject({ id: first[1].id, resolvedAt: expect.any(String) });

  provider.change("ailing-dev-01", { findings: [split, frozen, { ...frozen, subject: "a" }] });
  await refreshed();
  const again = await listed("ailing-dev-01");
  expect(again.map(({ kind, subject, resolvedAt }) => [kind, subject, resolvedAt === null])).toEqual([
    ["standby_frozen", "b", true],
    ["standby_frozen", "a", true],
    ["split_brain", null, false],
    ["split_brain", null, true],
  ]);
  const { data } = await (await app.as("dba")).run(
    '{ instance(id: "ailing-dev-01") { findings(filter: { resolvedAt: { isNull: true } }) { totalCount } } }',
  );
  expect(data.instance.findings.totalCount).toBe(3);
});

it("nothing is open of an instance that is gone", async () => {
  expect(await listed("leaving-dev-01")).toMatchObject([{ resolvedAt: null }]);
  provider.instances.delete("leaving-dev-01");
  await refreshed();
  expect(await listed("leaving-dev-01")).toMatchObject([{ resolvedAt: expect.any(String) }]);
});

const deed = {
  by: "failover",
  action: "instance.failover",
  result: { primary: "b", lost: "nothing" },
  success: true,
  event: { eventType: "instance_failover", eventStatus: "WARNING" },
} as const;

it("records of a deed the system, the instance and what came of it, and the event it says", async () => {
  const [instance] = await app.sql`select id::text from instances where identifier = 'well-dev-01'`;
  const { records, events } = await leftBy(app, async () => {
    await provider.report({ ...deed, providerId: "well-dev-01" });
    await provider.report({ ...deed, providerId: "well-dev-01", success: false, event: undefined });
  });
  const about = { provider: "scripted", providerId: "well-dev-01" };
  const record = { action: "instance.failover", resource_type: "instance", parameters: about, result: deed.result };
  expect(records).toMatchObject([
    { ...record, actor: { type: "system", name: "failover" }, success: true },
    { ...record, success: false },
  ]);
  const ids = await app.sql`select resource_id from audit_logs where action = 'instance.failover'`;
  expect(ids).toEqual([{ resource_id: instance?.id }, { resource_id: instance?.id }]);
  expect(events).toMatchObject([
    {
      event_type: "instance_failover",
      event_status: "WARNING",
      metadata: { ...about, ...deed.result, action: "instance.failover", instanceId: instance?.id },
    },
  ]);
});

it("a deed while the database takes no records waits, and comes once", async () => {
  const count = async () => {
    const [row] = await app.sql`select count(*)::int as n from audit_logs where action = 'instance.wait'`;
    return row?.n;
  };
  await app.sql`alter table audit_logs rename to hidden`;
  await provider.report({ ...deed, providerId: "well-dev-01", action: "instance.wait" });
  await app.sql`alter table hidden rename to audit_logs`;
  await vi.waitFor(async () => expect(await count()).toBe(1), 10_000);
  expect(app.log.filter(({ msg }) => String(msg).includes("not recorded"))).toEqual([]);
});

it("whoever may not read findings and operations is answered the rest of an instance", async () => {
  const viewer = await app.as("viewer");
  const { data, errors } = await viewer.run(
    "{ instances(first: 1) { nodes { identifier findings { totalCount } operations { totalCount } } } }",
  );
  const [node] = data.instances.nodes;
  expect(node).toEqual({ identifier: expect.any(String), findings: null, operations: null });
  expect(errors?.map(({ path, extensions: { code, permission } }) => [path?.join("."), code, permission])).toEqual([
    ["instances.nodes.0.findings", "FORBIDDEN", "findings:read"],
    ["instances.nodes.0.operations", "FORBIDDEN", "operations:read"],
  ]);
});
