/** Who may not map instances, and what follows for operations where an instance goes, comes back, or becomes production. */
import { beforeAll, expect, it } from "vitest";
import { type Client, EMAILS } from "../../../support/app.js";
import { PRODUCTION_MESSAGE, production, useEnvironments } from "../../../support/environments.js";
import {
  accepted,
  ENVIRONMENT,
  hasten,
  instanceOf,
  leftBy,
  operationOf,
  recordsOf,
} from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";

const { provider, app, map, environmentOf, reboot, opened } = useEnvironments();
let admin: Client;
let dba: Client;
beforeAll(() => {
  ({ admin, dba } = opened());
});

it.each(["viewer", "analyst", "dba", "security"] as const)("%s maps nothing out of production", async (who) => {
  const client = await app.as(who);
  const { answer, records, events } = await leftBy(app, () =>
    map(client, { instanceId: "billing-prod-01", environment: "SANDBOX" }),
  );
  expect([answer.status, answer.code]).toEqual([403, "FORBIDDEN"]);
  expect(records).toMatchObject([{ action: "environment-mapping.set", success: false, actor: { email: EMAILS[who] } }]);
  expect(events).toMatchObject([{ event_type: "authz_fail" }]);
  expect((await environmentOf("billing-prod-01")).environment).toBe("PRODUCTION");
});

it.each<[string, object, string]>([
  ["no reason", { instanceId: "ledger", environment: "TEST", reason: "" }, "reason"],
  ["a blank reason", { instanceId: "ledger", environment: "TEST", reason: " \t" }, "reason"],
  ["a reason that is too long", { instanceId: "ledger", environment: "TEST", reason: "r".repeat(1001) }, "reason"],
  ["neither of both", { environment: "TEST" }, "instanceId"],
  ["both", { instanceId: "ledger", accountId: "1", environment: "TEST" }, "instanceId"],
  ["an account that settles", { accountId: "1", environment: "TEST", settles: "x" }, "settles"],
  ["a settlement without an environment", { instanceId: "ledger", settles: "x" }, "settles"],
])("refuses %s", async (_what, input, field) => {
  const { answer, records } = await leftBy(app, () => map(admin, input));
  expect([answer.code, answer.errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", field]);
  expect(records).toMatchObject([{ success: false }]);
});

it("an unknown instance is NOT_FOUND, and a dispute that there is not is CONFLICT", async () => {
  expect((await map(admin, { instanceId: "nowhere", environment: "TEST" })).code).toBe("NOT_FOUND");
  expect((await map(admin, { instanceId: "ledger", environment: "TEST", settles: "no such thing" })).code).toBe(
    "CONFLICT",
  );
});

it("an instance that vanishes is marked, kept, and refuses; it comes back as the same", async () => {
  await accepted(dba, "createSnapshot", { instanceId: "leaving-dev-01", waitSeconds: 20 });
  const { id } = await instanceOf(dba, "leaving-dev-01", "id");
  const facts = provider.instances.get("leaving-dev-01");
  provider.instances.delete("leaving-dev-01");
  await hasten(app, "inventory-scripted");
  const instance = await instanceOf(
    dba,
    id,
    `identifier ${ENVIRONMENT} snapshots { totalCount } operations { totalCount }`,
  );
  expect(instance).toMatchObject({
    identifier: "leaving-dev-01",
    snapshots: { totalCount: 1 },
    operations: { totalCount: 1 },
  });
  expect(Math.abs(Date.parse(instance.vanishedAt) - Date.now())).toBeLessThan(10_000);
  for (const { type, allowed, reason } of instance.availableOperations) {
    // Its snapshots are still there.
    const gone =
      /SNAPSHOT$/.test(type) && type !== "CREATE_SNAPSHOT"
        ? null
        : "Its provider does not list this instance any more.";
    expect([allowed, reason]).toEqual([gone === null, gone]);
  }
  const { answer, records } = await leftBy(app, () => reboot(id));
  expect([answer.status, answer.code, answer.errors?.[0]?.extensions.state]).toEqual([
    409,
    "FAILED_PRECONDITION",
    "vanished",
  ]);
  expect(records).toMatchObject([{ action: "operation.refused" }]);
  expect((await reboot("leaving-dev-01")).code).toBe("NOT_FOUND");

  // As if the rules had said otherwise until now.
  await app.sql`update instances set environment = 'SANDBOX' where id = ${id}`;
  const reclassified = await leftBy(app, () => hasten(app, "inventory-scripted"));
  expect(reclassified.records, "its snapshots are protected in another way").toMatchObject([
    {
      action: "instance.changeEnvironment",
      actor: { type: "system", name: "inventory" },
      result: { from: "SANDBOX", environment: "DEVELOPMENT", decidedBy: "TAG" },
    },
  ]);

  provider.add("leaving-dev-01", facts);
  await hasten(app, "inventory-scripted");
  expect(await instanceOf(dba, "leaving-dev-01", "id vanishedAt")).toEqual({ id, vanishedAt: null });
  expect((await reboot(id)).data.rebootInstance.operation.status).toBe("SUCCEEDED");
});

it("an instance that becomes production before its operation begins is not touched", async () => {
  provider.scripts.set("turning-dev-01", { describe: () => provider.change("turning-dev-01", { tags: production }) });
  const operation = (await reboot("turning-dev-01")).data.rebootInstance.operation;
  expect(operation).toMatchObject({
    status: "FAILED",
    success: false,
    error: {
      code: "PRODUCTION_PROTECTED",
      message: PRODUCTION_MESSAGE,
      guidance: expect.stringMatching(/administrator/),
    },
  });
  expect(provider.begun).not.toContain(operation.id);
  expect(await recordsOf(app, operation.id)).toMatchObject([
    { action: "operation.requested", success: true },
    { action: "operation.ended", success: false, result: { error: { code: "PRODUCTION_PROTECTED" } } },
  ]);
  expect((await reboot("turning-dev-01")).code).toBe("PRODUCTION_PROTECTED");
  const records = await app.sql`
    select actor, resource_id, result, success from audit_logs where action = 'instance.changeEnvironment' and resource_id = ${operation.instance.id}`;
  expect(records, "once, however often it was looked at since").toMatchObject([
    {
      actor: { type: "system", name: "inventory" },
      resource_id: operation.instance.id,
      result: { from: "DEVELOPMENT", environment: "PRODUCTION", decidedBy: "TAG" },
      success: true,
    },
  ]);
});

it("also while it waits; what had begun before goes on to its end", async () => {
  provider.scripts.set("waiting-dev-01", { tookMs: 1500 });
  const first = await accepted(dba, "rebootInstance", { instanceId: "waiting-dev-01" });
  const second = await accepted(dba, "rebootInstance", { instanceId: "waiting-dev-01" });
  await eventually(() => provider.begun.includes(first.id));
  await map(admin, { instanceId: "waiting-dev-01", environment: "PRODUCTION" });
  await eventually(async () => (await operationOf(dba, second.id)).endedAt !== null);
  expect(await operationOf(dba, first.id)).toMatchObject({ status: "SUCCEEDED" });
  expect(await operationOf(dba, second.id)).toMatchObject({
    status: "FAILED",
    error: { code: "PRODUCTION_PROTECTED" },
  });
  expect(provider.begun).toContain(first.id);
  expect(provider.begun).not.toContain(second.id);
});

it("an instance that is gone before its operation begins fails it", async () => {
  provider.instances.delete("going-dev-01");
  const operation = (await reboot("going-dev-01")).data.rebootInstance.operation;
  expect(operation).toMatchObject({ status: "FAILED", error: { code: "DBInstanceNotFound" } });
  expect(provider.begun).not.toContain(operation.id);
});

it("an environment that only a newer replica knows is protected as production is", async () => {
  const mark = await instanceOf(dba, "newer-dev-01", "id");
  await app.sql.unsafe("alter type environment add value if not exists 'PERFORMANCE'");
  await app.sql`update instances set environment = 'PERFORMANCE' where id = ${mark.id}`;
  const left = await leftBy(app, () => reboot("newer-dev-01"));
  expect([left.answer.code, left.operations]).toEqual(["PRODUCTION_PROTECTED", 0]);
  expect(left.records).toMatchObject([{ action: "operation.refused", success: false }]);
  const { availableOperations } = await instanceOf(dba, "newer-dev-01", "availableOperations { allowed }");
  expect(new Set(availableOperations.map(({ allowed }: { allowed: boolean }) => allowed))).toEqual(new Set([false]));
});
