/** Operations on RDS that AWS was never asked for, because looking failed: they say why, and hold up nothing. */
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type Client, testApp } from "../../../support/app.js";
import { ACCOUNT, REGION, startAws, type UnderAws } from "../../../support/aws.js";
import { accepted, hasten, operationOf } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";

let under: UnderAws;
let dba: Client;
const here = () => under.aws.region(ACCOUNT, REGION);
const scripted = scriptedProvider();
scripted.add("odd-1");

const app = testApp(
  polling({ "aws-rds": 30, scripted: 30 }),
  async () => {
    under = await startAws();
    for (const identifier of ["api-1", "far-1", "long-1"])
      here().addInstance({ identifier, tags: { Environment: "Test" }, retentionDays: 0 });
    return [under.open(), scripted];
  },
  { sweepMs: 300 },
);
beforeAll(async () => {
  dba = await app.as("dba");
});
beforeEach(() => under.aws.endFaults());
afterAll(() => under?.aws.stop());

const ended = (id: string) =>
  eventually(async () => {
    under.aws.clock.advance(10_000);
    const operation = await operationOf(dba, id);
    return operation.endedAt !== null && operation;
  }, 20_000);
const reboot = async (instanceId: string) => ended((await accepted(dba, "rebootInstance", { instanceId })).id);

it("what AWS does not let Postern look at fails with AWS's words, and the next operation begins", async () => {
  under.aws.fault({ as: "deny", action: "DescribeEvents" });
  expect(await reboot("api-1")).toMatchObject({
    status: "FAILED",
    error: { code: "AccessDenied", message: expect.stringContaining("rds:DescribeEvents") },
    progress: [],
  });
  under.aws.endFaults();
  expect(await reboot("api-1")).toMatchObject({ status: "SUCCEEDED" });
});

it("what AWS does not take ends it, too", async () => {
  under.aws.fault({ as: "refuse", code: "InvalidParameterValue", action: "DescribeEvents" });
  expect(await reboot("api-1")).toMatchObject({
    status: "FAILED",
    error: { code: "Refused", message: "AWS answers InvalidParameterValue: The test says so." },
  });
});

it("a look that fails until the deadline says why in its progress, and as the failure", async () => {
  under.aws.fault({ as: "html", status: 200, action: "DescribeEvents" });
  const { status, error, progress } = await reboot("api-1");
  expect([status, error.code]).toEqual(["FAILED", "NotAnAnswer"]);
  expect(progress[0].message).toMatch(/not AWS/);
  expect(under.aws.calls.filter(({ action, done }) => done && action === "RebootDBInstance")).toHaveLength(1);
});

it("snapshots that cannot be listed hold up no operation", async () => {
  under.aws.fault({ as: "deny", action: "DescribeDBSnapshots" });
  expect(await reboot("far-1")).toMatchObject({ status: "SUCCEEDED" });
});

it("an operation that timed out without a question is settled as not begun", async () => {
  const [row] = await app.sql`
    insert into operations (type, instance_id, parameters, requested_by, status, started_at, ended_at)
    select 'REBOOT_INSTANCE', id, '{"forceFailover": false}', '{}', 'TIMED_OUT', now(), now() from instances
    where identifier = 'far-1' returning id`;
  await hasten(app, "settle-aws-rds");
  expect(await operationOf(dba, String(row?.id))).toMatchObject({
    status: "TIMED_OUT",
    settlement: { status: "FAILED", error: { code: "NotBegun" } },
  });
}, 30_000);

it("a status of any length is cut, and the operation goes on to its end", async () => {
  const { id } = await accepted(dba, "rebootInstance", { instanceId: "long-1" });
  const begun = () =>
    here()
      .look()
      .instances.find(({ identifier }) => identifier === "long-1")?.status === "rebooting";
  await eventually(async () => begun());
  here().setStatus("long-1", "s".repeat(100));
  await eventually(async () => (await operationOf(dba, id)).progress.some(isCut));
  here().addEvent("db-instance", "long-1", "DB instance restarted");
  here().setStatus("long-1", "available");
  expect(await ended(id)).toMatchObject({ status: "SUCCEEDED" });
});
const isCut = ({ resourceStatus }: { resourceStatus: string }) => resourceStatus === "s".repeat(64);

it("a long status at the end is cut, too", async () => {
  const failure = { code: "SomethingNew", message: "It is over." };
  scripted.scripts.set("odd-1", { poll: () => ({ state: "failed", resourceStatus: "s".repeat(100), failure }) });
  expect(await reboot("odd-1")).toMatchObject({ status: "FAILED", resourceStatus: "s".repeat(64), error: failure });
});
