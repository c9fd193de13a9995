/** A restore of an Aurora snapshot makes a cluster, and then its instance: what becomes of it between the two. */
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type Client, EMAILS, testApp } from "../../../support/app.js";
import { ACCOUNT, REGION, startAws, type UnderAws } from "../../../support/aws.js";
import { accepted, operationOf, recordsOf } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { polling } from "../../../support/scripted-provider.js";

const TEST = { Environment: "Test" };
let under: UnderAws;
let dba: Client;
let made = 0;
const here = () => under.aws.region(ACCOUNT, REGION);

const app = testApp(
  polling({ "aws-rds": 100 }),
  async () => {
    under = await startAws();
    here().addCluster({ identifier: "shop", tags: TEST, members: [{ identifier: "shop-1", tags: TEST }] });
    return [under.open()];
  },
  { sweepMs: 200 },
);
beforeAll(async () => {
  dba = await app.as("dba");
  await ended((await accepted(dba, "createSnapshot", { instanceId: "shop-1", snapshotId: "shot" })).id);
});
beforeEach(() => under.aws.forgetCalls());
afterAll(() => under?.aws.stop());

/** Lets AWS's time pass until an operation has ended. */
const ended = (id: string) =>
  eventually(async () => {
    under.aws.clock.advance(60_000);
    const operation = await operationOf(dba, id);
    return operation.endedAt !== null && operation;
  }, 20_000);
/** Requests a restore for a moment that is now. @returns it, once AWS makes its cluster */
async function restoring() {
  made += 1;
  const runAt = new Date(Date.now() + 3_600_000).toISOString();
  const asked = { instanceId: "shop-1", snapshotId: "shot", identifier: `copy-${made}`, runAt };
  const { id } = await accepted(dba, "restoreSnapshot", asked);
  await app.sql`update operations set run_at = now() where id = ${id}`;
  await eventually(() => under.aws.done("RestoreDBClusterFromSnapshot") === 1);
  return id as string;
}
const becomesLate = (id: string) =>
  app.sql`update operations set run_at = now() - interval '16 minutes' where id = ${id}`;
const refuseInstance = (code: string) =>
  under.aws.fault({ as: "refuse", action: "CreateDBInstance", code, message: "Not now." });
const alone = () =>
  `The cluster copy-${made}-cluster is restored, and has no instance yet. Add one to it in AWS, or delete it there.`;

it("what has begun in time is brought to its end, however long its cluster takes, and whoever requested it", async () => {
  const id = await restoring();
  await becomesLate(id);
  await app.sql`update users set locked_at = now() where email = ${EMAILS.dba}`;
  await eventually(async () => {
    under.aws.clock.advance(60_000);
    const [row] = await app.sql`select ended_at from operations where id = ${id}`;
    return row?.ended_at !== null;
  }, 20_000);
  await app.sql`update users set locked_at = null where email = ${EMAILS.dba}`;
  expect(await operationOf(dba, id)).toMatchObject({ status: "SUCCEEDED", result: { identifier: `copy-${made}` } });
  for (const action of ["RestoreDBClusterFromSnapshot", "CreateDBInstance"]) expect(under.aws.done(action)).toBe(1);
  expect((await recordsOf(app, id)).map(({ action }) => action)).toEqual(["operation.requested", "operation.ended"]);
});

it("where AWS refuses the instance for now, it goes on as well", async () => {
  const fault = refuseInstance("InvalidDBClusterStateFault");
  const id = await restoring();
  await eventually(() => {
    under.aws.clock.advance(60_000);
    return fault.hits > 0;
  }, 20_000);
  await becomesLate(id);
  // What was planned has changed, too.
  await app.sql`update operations set plan = plan || '{"engineVersion": "1"}' where id = ${id}`;
  fault.end();
  expect(await ended(id)).toMatchObject({ status: "SUCCEEDED" });
});

it("where AWS refuses the instance for good, the failure says that the cluster is there", async () => {
  const fault = refuseInstance("InstanceQuotaExceeded");
  expect(await ended(await restoring())).toMatchObject({
    status: "FAILED",
    error: { code: "InstanceQuotaExceeded", message: `Not now. ${alone()}` },
  });
  fault.end();
});

it("where the source has become production meanwhile, there is no instance, and the failure says so", async () => {
  const id = await restoring();
  here().retag("shop-1", { Environment: "Production" });
  expect(await ended(id)).toMatchObject({
    status: "FAILED",
    error: { code: "PRODUCTION_PROTECTED", message: expect.stringContaining(alone()) },
  });
  expect(under.aws.done("CreateDBInstance")).toBe(0);
});
