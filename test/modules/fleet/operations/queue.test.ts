/** The queue of an instance: who waits, who is answered when, what can be cancelled, and how instances and operations are named. */
import { beforeAll, expect, it, onTestFinished } from "vitest";
import { currentCaller } from "../../../../src/values/caller.js";
import { type Client, EMAILS, testApp } from "../../../support/app.js";
import { accepted, ask, instanceOf, leftBy, operationOf, recordsOf } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";

const provider = scriptedProvider();
for (const identifier of ["quick-01", "slow-01", "queue-01", "full-01"]) provider.add(identifier);
provider.add("Mixed-Case-01");
provider.scripts.set("slow-01", { tookMs: 1500 });
provider.scripts.set("queue-01", { tookMs: 400 });
// Each runs until the test ends it.
provider.scripts.set("full-01", { tookMs: 3_600_000 });

const app = testApp(polling({ scripted: 1000 }), async () => [provider]);
let dba: Client;
beforeAll(async () => {
  dba = await app.as("dba");
});

const seconds = async <T>(work: () => Promise<T>): Promise<[number, T]> => {
  const since = performance.now();
  const answer = await work();
  return [(performance.now() - since) / 1000, answer];
};
const statusOf = async (id: string): Promise<string> => (await operationOf(dba, id)).status;

it("answers at once unless told to wait", async () => {
  const [took, operation] = await seconds(() => accepted(dba, "rebootInstance", { instanceId: "slow-01" }));
  expect(took).toBeLessThan(1);
  expect(["QUEUED", "RUNNING"]).toContain(operation.status);
  expect([operation.success, operation.endedAt, operation.durationSeconds]).toEqual([null, null, null]);
  await eventually(async () => (await statusOf(operation.id)) === "SUCCEEDED");
});

it("what an operation does is done for Postern, not for who asked", async () => {
  const callers = new Set<string>();
  provider.scripts.set("quick-01", {
    start: () => void callers.add(currentCaller().name),
    describe: () => void callers.add(currentCaller().name),
    poll: (_run, usual) => {
      callers.add(currentCaller().name);
      return usual();
    },
  });
  for (let n = 0; n < 3; n++) {
    const { status } = await accepted(dba, "rebootInstance", { instanceId: "quick-01", waitSeconds: 20 });
    expect(status).toBe("SUCCEEDED");
  }
  provider.scripts.delete("quick-01");
  expect([...callers]).toEqual(["postern"]);
});

it("waits until the end, and no longer", async () => {
  const [took, operation] = await seconds(() =>
    accepted(dba, "rebootInstance", { instanceId: "slow-01", waitSeconds: 60 }),
  );
  expect(operation.status).toBe("SUCCEEDED");
  expect(took).toBeGreaterThan(1.4);
  expect(took).toBeLessThan(4);
});

it("waits no longer than it was told to", async () => {
  const [took, operation] = await seconds(() =>
    accepted(dba, "rebootInstance", { instanceId: "slow-01", waitSeconds: 1 }),
  );
  expect(operation.status).toBe("RUNNING");
  expect(took).toBeGreaterThan(0.95);
  expect(took).toBeLessThan(1.4);
  await eventually(async () => (await statusOf(operation.id)) === "SUCCEEDED");
});

it("runs one after the other on one instance, and another instance meanwhile", async () => {
  const first = await accepted(dba, "rebootInstance", { instanceId: "queue-01" });
  const [second, third, other] = await Promise.all([
    accepted(dba, "createSnapshot", { instanceId: "queue-01", waitSeconds: 20 }),
    accepted(dba, "rebootInstance", { instanceId: "queue-01", waitSeconds: 20 }),
    accepted(dba, "rebootInstance", { instanceId: "quick-01", waitSeconds: 20 }),
  ]);
  const done = await Promise.all([first, second, third].map(({ id }) => operationOf(dba, id)));
  done.sort((a, b) => Number(a.id) - Number(b.id));
  for (const { status } of [...done, other]) expect(status).toBe("SUCCEEDED");
  expect(Date.parse(done[1].startedAt)).toBeGreaterThanOrEqual(Date.parse(done[0].endedAt));
  expect(Date.parse(done[2].startedAt)).toBeGreaterThanOrEqual(Date.parse(done[1].endedAt));
  expect(Date.parse(other.endedAt)).toBeLessThan(Date.parse(done[1].endedAt));
});

it("cancels what has not begun: it never runs, and who waited is answered", async () => {
  const running = await accepted(dba, "rebootInstance", { instanceId: "slow-01" });
  const waiting = seconds(() => accepted(dba, "rebootInstance", { instanceId: "slow-01", waitSeconds: 60 }));
  const queued = await eventually(async () => {
    const rows = await app.sql`
      select id::text from operations where status = 'QUEUED' and id > ${running.id} order by id desc limit 1`;
    return rows[0]?.id as string | undefined;
  });
  const left = await leftBy(app, () => accepted(dba, "cancelOperation", { operationId: queued }));
  expect(left.answer).toMatchObject({
    id: queued,
    status: "CANCELLED",
    success: false,
    startedAt: null,
    durationSeconds: null,
  });
  expect(left.answer.endedAt).not.toBeNull();
  expect(left.records.map(({ action }) => action).sort()).toEqual(["operation.cancel", "operation.ended"]);
  const [took, answered] = await waiting;
  expect(answered).toMatchObject({ id: queued, status: "CANCELLED" });
  expect(took).toBeLessThan(1.4);
  const records = await recordsOf(app, String(queued));
  expect(records.map(({ action }) => action)).toEqual(
    expect.arrayContaining(["operation.requested", "operation.ended", "operation.cancel"]),
  );
  expect(records.find(({ action }) => action === "operation.ended")).toMatchObject({
    success: false,
    actor: { email: EMAILS.dba },
    result: { status: "CANCELLED" },
  });
  await eventually(async () => (await statusOf(running.id)) === "SUCCEEDED");
  await accepted(dba, "rebootInstance", { instanceId: "slow-01", waitSeconds: 20 });
  expect(provider.begun).not.toContain(queued);
});

it("does not cancel what runs or has ended", async () => {
  const { id } = await accepted(dba, "rebootInstance", { instanceId: "slow-01" });
  await eventually(async () => (await statusOf(id)) === "RUNNING");
  const refused = async (state: string) => {
    const { answer, records } = await leftBy(app, () => ask(dba, "cancelOperation", { operationId: id }));
    expect([answer.status, answer.code]).toEqual([409, "FAILED_PRECONDITION"]);
    expect(answer.errors?.[0]?.extensions.state).toBe(state);
    expect(records).toMatchObject([{ action: "operation.cancel", success: false }]);
  };
  await refused("RUNNING");
  await eventually(async () => (await statusOf(id)) === "SUCCEEDED");
  await refused("SUCCEEDED");
  expect((await recordsOf(app, id)).map(({ action }) => action)).toEqual([
    "operation.requested",
    "operation.cancel",
    "operation.ended",
    "operation.cancel",
  ]);
});

it("a cancel and the beginning at the same moment: one of them wins", async () => {
  for (let round = 0; round < 15; round++) {
    const { id } = await accepted(dba, "rebootInstance", { instanceId: "quick-01" });
    const { code } = await ask(dba, "cancelOperation", { operationId: id });
    const status = await eventually(async () => {
      const now = await statusOf(id);
      return now !== "RUNNING" && now !== "QUEUED" && now;
    });
    expect(status).toBe(code === undefined ? "CANCELLED" : "SUCCEEDED");
    expect(provider.begun.includes(id)).toBe(status === "SUCCEEDED");
    const ends = (await recordsOf(app, id)).filter(({ action }) => action === "operation.ended");
    expect(ends).toHaveLength(1);
  }
});

it.each([
  ["createSnapshot", { instanceId: "nowhere-01" }],
  ["createSnapshot", { instanceId: "999999" }],
  ["rebootInstance", { instanceId: "99999999999999999999999" }],
  ["modifyBackupWindow", { instanceId: "' or 1=1 --", backupWindow: "03:00-04:00" }],
  ["cancelOperation", { operationId: "999999" }],
] as const)("%s %j: NOT_FOUND", async (verb, input) => {
  const { answer, records, operations } = await leftBy(app, () => ask(dba, verb, input));
  expect([answer.status, answer.code]).toEqual([404, "NOT_FOUND"]);
  expect(records).toHaveLength(1);
  expect(records[0]).toMatchObject({ success: false });
  expect(operations).toBe(0);
});

it("an unknown operation or instance reads as null", async () => {
  const { data, errors } = await dba.run(`{ operation(id: "999999") { id } instance(id: "nowhere-01") { id } }`);
  expect(errors).toBeUndefined();
  expect(data).toEqual({ operation: null, instance: null });
});

it("an instance is named by its id, or by its identifier in any case", async () => {
  const { id } = await instanceOf(dba, "mixed-case-01", "id");
  for (const instanceId of [id, "Mixed-Case-01", "MIXED-CASE-01", "mixed-case-01"]) {
    const operation = await accepted(dba, "rebootInstance", { instanceId, waitSeconds: 20 });
    expect(operation).toMatchObject({ status: "SUCCEEDED", instance: { id, identifier: "Mixed-Case-01" } });
  }
});

it("so many operations wait for one instance, and no more", async () => {
  onTestFinished(() => void provider.scripts.set("full-01", {}));
  const input = { instanceId: "full-01" };
  const { id } = await accepted(dba, "rebootInstance", input);
  await eventually(async () => (await statusOf(id)) === "RUNNING");
  const answers = await Promise.all(Array.from({ length: 25 }, () => ask(dba, "rebootInstance", input)));
  const refused = answers.filter(({ code }) => code !== undefined);
  expect(refused.map(({ code, errors }) => [code, errors?.[0]?.extensions.state])).toEqual(
    Array.from({ length: 5 }, () => ["FAILED_PRECONDITION", "queue full"]),
  );
  expect(await statusOf(id)).toBe("RUNNING");
});

it("others read no operations, and cancel none", async () => {
  const { id } = await accepted(dba, "rebootInstance", { instanceId: "quick-01", waitSeconds: 20 });
  for (const who of ["viewer", "analyst", "security"] as const) {
    const client = await app.as(who);
    expect((await ask(client, "cancelOperation", { operationId: id })).code).toBe("FORBIDDEN");
  }
  for (const who of ["viewer", "analyst"] as const) {
    expect((await (await app.as(who)).run(`{ operation(id: "${id}") { id } }`)).code).toBe("FORBIDDEN");
  }
  const anonymous = await leftBy(app, () => ask(app.anonymous, "rebootInstance", { instanceId: "quick-01" }));
  // Those that waited for the instance that was full may still end.
  const records = anonymous.records.filter(({ action }) => action !== "operation.ended");
  expect([anonymous.answer.status, anonymous.answer.code, records]).toEqual([401, "UNAUTHENTICATED", []]);
});
