/** Faults on demand, and what of them is counted. */
import { request } from "node:http";
import { afterAll, afterEach, beforeAll, expect, it, test } from "vitest";
import { type AwsDouble, startAwsDouble } from "../../../src/seed/aws-double/aws-double.js";
import { callerOf } from "./signed-call.js";

const ACCOUNT = "111111111111";
let double: AwsDouble;

beforeAll(async () => {
  double = await startAwsDouble({ accounts: [{ id: ACCOUNT }] });
  const region = double.region(ACCOUNT, "eu-central-1");
  for (let n = 0; n < 30; n++) region.addInstance({ identifier: `db-${n}` });
});
afterEach(() => {
  double.endFaults();
  double.forgetCalls();
});
afterAll(() => double?.stop());

const call = (action: string, parameters?: Record<string, string>) =>
  callerOf(double.url, double.credentials)(action, parameters);
const snapshot = (name: string, instance: string) =>
  call("CreateDBSnapshot", { DBInstanceIdentifier: instance, DBSnapshotIdentifier: name });
const outcomes = () => double.calls.map(({ action, done, error }) => [action, done, error]);

test.each([
  [{ as: "deny" }, 403, "AccessDenied"],
  [{ as: "throttle" }, 400, "Throttling"],
  [{ as: "throttle", code: "SlowDown" }, 503, "SlowDown"],
  [{ as: "server-error" }, 500, "InternalFailure"],
  [{ as: "server-error", status: 503 }, 503, "ServiceUnavailable"],
  [{ as: "expired-token" }, 403, "ExpiredToken"],
  [{ as: "refuse", code: "InvalidDBInstanceState" }, 400, "InvalidDBInstanceState"],
] as const)("%j", async (rule, status, code) => {
  double.fault({ ...rule, action: "CreateDBSnapshot" });
  expect((await call("DescribeDBInstances")).status).toBe(200);
  const answer = await snapshot("never", "db-0");
  expect([answer.status, answer.get("Code")]).toEqual([status, code]);
  expect(outcomes()).toEqual([
    ["DescribeDBInstances", true, null],
    ["CreateDBSnapshot", false, code],
  ]);
  expect(double.done("CreateDBSnapshot")).toBe(0);
});

it("a rule hits as many calls as it says, after as many as it leaves alone, in its account and region", async () => {
  const fault = double.fault({ as: "throttle", account: ACCOUNT, region: "eu-central-1", skip: 1, times: 2 });
  const statuses: number[] = [];
  for (let n = 0; n < 4; n++) statuses.push((await call("DescribeDBInstances")).status);
  expect([statuses, fault.hits]).toEqual([[200, 400, 400, 200], 2]);
  double.fault({ as: "throttle", region: "eu-west-1" });
  expect((await call("DescribeDBInstances")).status).toBe(200);
});

it("a rule ends after its time by the double's clock", async () => {
  double.fault({ as: "throttle", forMs: 60_000 });
  expect((await call("DescribeDBInstances")).status).toBe(400);
  double.clock.advance(60_000);
  expect((await call("DescribeDBInstances")).status).toBe(200);
});

it("HTML comes in place of an answer", async () => {
  double.fault({ as: "html" });
  const answer = await call("DescribeDBInstances");
  expect([answer.status, answer.text.slice(0, 15)]).toEqual([502, "<!DOCTYPE html>"]);
});

it("an answer is lost after the work is done, or the call before it", async () => {
  double.fault({ as: "lose-answer", times: 1 });
  await expect(snapshot("lost", "db-1")).rejects.toThrow("fetch failed");
  expect(
    double
      .region(ACCOUNT, "eu-central-1")
      .look()
      .snapshots.map(({ identifier }) => identifier),
  ).toEqual(["lost"]);
  double.fault({ as: "lose-call", times: 1 });
  await expect(snapshot("lost-2", "db-2")).rejects.toThrow("fetch failed");
  expect(outcomes()).toEqual([
    ["CreateDBSnapshot", true, null],
    ["CreateDBSnapshot", false, "lose-call"],
  ]);
  expect(double.done("CreateDBSnapshot")).toBe(1);
});

it("the second page is cut off", async () => {
  double.fault({ as: "cut-off", bytes: 500, when: ({ parameters }) => parameters.Marker !== undefined });
  const first = await call("DescribeDBInstances", { MaxRecords: "20" });
  expect(first.all("DBInstanceIdentifier")).toHaveLength(20);
  await expect(call("DescribeDBInstances", { MaxRecords: "20", Marker: first.get("Marker")! })).rejects.toThrow();
});

it("a call waits until the fault is ended, and then does what it should", async () => {
  const fault = double.fault({ as: "delay" });
  const waiting = call("DescribeDBInstances");
  await expect.poll(() => fault.hits).toBe(1);
  expect(outcomes()).toEqual([["DescribeDBInstances", false, null]]);
  fault.end();
  expect((await waiting).status).toBe(200);
  expect(outcomes()).toEqual([["DescribeDBInstances", true, null]]);
});

it("what is too large is refused with an answer", async () => {
  const status = await new Promise((resolve, reject) => {
    const sent = request(double.url, { method: "POST" }, (response) => resolve(response.statusCode));
    sent.on("error", reject);
    sent.end("x".repeat(300_000));
  });
  expect(status).toBe(413);
});
