/** Providers as the world has them: late, silent, away for a while, or without an end. Operations end nevertheless, and truly. */
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { type Client, EMAILS, signIn, testApp } from "../../../support/app.js";
import { accepted, ask, hasten, instanceOf, operationOf, recordsOf } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { polling, type ScriptedProvider, scriptedProvider, unavailable } from "../../../support/scripted-provider.js";

const provider = scriptedProvider();
/** Is watched for a minute, the other for a second: what shall succeed may be slow on a busy machine. */
const patient = scriptedProvider("patient");
for (const identifier of ["late-01", "away-01", "slow-01"]) patient.add(identifier);
const names = [
  "down-01",
  "endless-01",
  "broken-01",
  "silent-01",
  "hung-01",
  "hung-02",
  "after-01",
  "refusing-01",
  "clock-01",
  "clock-02",
];
for (const identifier of names) provider.add(identifier);

const released: ScriptedProvider[] = [provider, patient];
const app = testApp(polling({ scripted: 10, patient: 600, hanging: 10 }), async () => [...released], {
  answerTimeoutMs: 1500,
});
let dba: Client;
beforeAll(async () => {
  dba = await app.as("dba");
});
afterAll(() => {
  // Before the app stops, which waits for the step under way.
  for (const one of released) one.release();
});

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const ended = (id: string, timeoutMs = 8000) =>
  eventually(async () => {
    const operation = await operationOf(dba, id);
    return operation.endedAt !== null && operation;
  }, timeoutMs);
const reboot = (instanceId: string, waitSeconds = 0) => accepted(dba, "rebootInstance", { instanceId, waitSeconds });
const ready = async () => (await fetch(`${app.url}/health/ready`)).status;

it("late answers are answers", async () => {
  patient.scripts.set("late-01", {
    start: async () => void (await wait(400)),
    poll: async (_run, usual) => {
      await wait(300);
      return usual();
    },
  });
  expect(await reboot("late-01", 20)).toMatchObject({ status: "SUCCEEDED", error: null });
});

it("whoever waits sees the instance as the operation has left it, also where looking takes its time", async () => {
  patient.scripts.set("slow-01", {
    async describe() {
      if (![...patient.runs.values()].some(({ request }) => request.providerId === "slow-01")) return;
      // Longer than who waits takes to look again.
      await wait(800);
      patient.change("slow-01", { backupWindow: "01:00-01:30" });
    },
  });
  expect(await reboot("slow-01", 20)).toMatchObject({ status: "SUCCEEDED" });
  expect(await instanceOf(dba, "slow-01", "backupWindow")).toEqual({ backupWindow: "01:00-01:30" });
});

it("a provider that is away for a while is asked again", async () => {
  let away = 4;
  const goAway = () => {
    if (away-- > 0) throw unavailable();
  };
  patient.scripts.set("away-01", {
    start: goAway,
    poll: (run, usual) => {
      if (run.polls < 3) throw unavailable();
      return usual();
    },
  });
  const operation = await reboot("away-01", 20);
  expect(operation).toMatchObject({ status: "SUCCEEDED", error: null });
  expect(operation.progress[0]).toMatchObject({
    resourceStatus: "unknown",
    message: expect.stringMatching(/does not answer/),
  });
  expect(patient.runs.get(operation.id)?.starts).toBe(1);
});

it("a provider that stays away: TIMED_OUT, and Postern stays ready", async () => {
  provider.scripts.set("down-01", {
    start: () => {
      throw unavailable();
    },
  });
  const operation = await reboot("down-01", 20);
  expect(operation).toMatchObject({ status: "TIMED_OUT", success: false, error: { code: "TIMED_OUT" } });
  expect(operation.error.guidance).toMatch(/see the operation again later/);
  expect(await recordsOf(app, operation.id)).toMatchObject([
    { action: "operation.requested" },
    { action: "operation.ended", success: false, result: { status: "TIMED_OUT" } },
  ]);
  expect(await ready()).toBe(200);
});

it("an error that nobody foresaw is asked again until the deadline, and its text stays inside", async () => {
  provider.scripts.set("broken-01", {
    start: () => {
      throw new Error("connect ECONNREFUSED 10.0.0.1:5432 password=geheim");
    },
  });
  const operation = await reboot("broken-01", 20);
  expect(operation).toMatchObject({ status: "TIMED_OUT", error: { code: "TIMED_OUT" } });
  expect(JSON.stringify(operation)).not.toMatch(/geheim|10\.0\.0\.1/);
  expect(JSON.stringify(await recordsOf(app, operation.id))).not.toMatch(/geheim|10\.0\.0\.1/);
});

it("work that does not end in time: TIMED_OUT at the deadline; its true end is settled beside, once", async () => {
  let isOver = false;
  provider.scripts.set("endless-01", {
    poll: (_run, usual) =>
      isOver ? usual() : { state: "running", resourceStatus: "creating", message: "It goes on.", percent: 40 },
  });
  const input = { instanceId: "endless-01", snapshotId: "late-copy", waitSeconds: 20 };
  const operation = await accepted(dba, "createSnapshot", input);
  expect(operation).toMatchObject({
    status: "TIMED_OUT",
    success: false,
    resourceStatus: "creating",
    snapshot: null,
    settledAt: null,
  });
  expect(operation.durationSeconds).toBeGreaterThanOrEqual(1);
  expect(operation.durationSeconds).toBeLessThan(2.5);
  expect(operation.progress.length).toBeGreaterThanOrEqual(8);
  expect(operation.progress.at(-1)).toMatchObject({ resourceStatus: "creating", percent: 40 });
  expect((await recordsOf(app, operation.id)).map(({ action }) => action)).toEqual([
    "operation.requested",
    "operation.ended",
  ]);
  // It may still be made.
  expect((await ask(dba, "createSnapshot", { ...input, snapshotId: "LATE-copy" })).code).toBe("CONFLICT");

  await hasten(app, "settle-scripted");
  expect(await operationOf(dba, operation.id)).toMatchObject({ settledAt: null, settlement: null });

  isOver = true;
  await hasten(app, "settle-scripted");
  await hasten(app, "settle-scripted");
  expect(await operationOf(dba, operation.id)).toMatchObject({
    status: "TIMED_OUT",
    success: false,
    settledAt: expect.any(String),
    settlement: { status: "SUCCEEDED" },
    snapshot: { identifier: "late-copy", status: "available" },
  });
  const records = await recordsOf(app, operation.id);
  expect(records.map(({ action }) => action)).toEqual(["operation.requested", "operation.ended", "operation.settled"]);
  expect(records[2]).toMatchObject({ success: true, result: { status: "SUCCEEDED" }, actor: { role: "DBA" } });
});

it("a settled failure says why", async () => {
  let isOver = false;
  provider.scripts.set("endless-01", {
    poll: () =>
      isOver
        ? {
            state: "failed",
            resourceStatus: "available",
            failure: { code: "StorageFull", message: "The disk is full." },
          }
        : { state: "running", resourceStatus: "rebooting", message: "It goes on.", percent: null },
  });
  const { id } = await reboot("endless-01", 20);
  isOver = true;
  await hasten(app, "settle-scripted");
  const { status, settlement } = await operationOf(dba, id);
  expect(status).toBe("TIMED_OUT");
  expect(settlement).toMatchObject({ status: "FAILED", error: { code: "StorageFull", message: "The disk is full." } });
  expect((await recordsOf(app, id)).at(-1)).toMatchObject({ action: "operation.settled", success: false });
});

it("what was told twice to have ended ended once", async () => {
  provider.scripts.set("after-01", { tookMs: 0 });
  const { id, progress } = await reboot("after-01", 20);
  expect(progress.length).toBeLessThanOrEqual(1);
  await hasten(app, "settle-scripted");
  expect((await recordsOf(app, id)).map(({ action }) => action)).toEqual(["operation.requested", "operation.ended"]);
  expect(provider.runs.get(id)?.starts).toBe(1);
});

it("a refusal at the end is told as it is, whatever it is", async () => {
  const failure = { code: "SomethingNew", message: "The provider has a reason of its own." };
  provider.scripts.set("refusing-01", { poll: () => ({ state: "failed", resourceStatus: "odd-new-status", failure }) });
  const { status, error, resourceStatus } = await reboot("refusing-01", 20);
  expect([status, resourceStatus]).toEqual(["FAILED", "odd-new-status"]);
  expect(error).toMatchObject({ ...failure, guidance: expect.stringMatching(/\w/) });
});

it("an instance in a status that nobody knows is shown, and refuses", async () => {
  provider.change("after-01", { status: "teleporting" });
  await hasten(app, "inventory-scripted");
  expect(await instanceOf(dba, "after-01", "status")).toEqual({ status: "teleporting" });
  const { code, errors } = await ask(dba, "rebootInstance", { instanceId: "after-01" });
  expect([code, errors?.[0]?.extensions.state]).toEqual(["FAILED_PRECONDITION", "teleporting"]);
});

it.each([
  ["ahead", 3_600_000],
  ["behind", -3_600_000],
])(
  "a Postern whose clock is an hour %s runs operations to their end, and ends at their deadline those without one",
  async (_where, aheadMs) => {
    onTestFinished(() => {
      app.clock.aheadMs = 0;
    });
    app.clock.aheadMs = aheadMs;
    const client = app.withToken((await signIn(app.anonymous, EMAILS.dba)).accessToken);
    const done = await accepted(client, "rebootInstance", { instanceId: "clock-01", waitSeconds: 20 });
    expect(done).toMatchObject({ status: "SUCCEEDED", error: null });
    expect(done.progress.length).toBeGreaterThan(0);
    for (const { at } of done.progress) {
      expect(Date.parse(at)).toBeGreaterThanOrEqual(Date.parse(done.startedAt));
      expect(Date.parse(at)).toBeLessThanOrEqual(Date.parse(done.endedAt));
    }
    provider.scripts.set("clock-02", {
      poll: () => ({ state: "running", resourceStatus: "rebooting", message: "It goes on.", percent: null }),
    });
    const endless = await accepted(client, "rebootInstance", { instanceId: "clock-02", waitSeconds: 20 });
    expect(endless.status).toBe("TIMED_OUT");
    expect(endless.durationSeconds).toBeGreaterThanOrEqual(1);
    expect(endless.durationSeconds).toBeLessThan(2.5);
    provider.scripts.set("clock-02", {});
    await hasten(app, "settle-scripted");
  },
);

// These take long because they wait for what never comes: side by side.
it.concurrent("a provider that never answers: TIMED_OUT, and others go on meanwhile", { timeout: 40_000 }, async () => {
  provider.scripts.set("silent-01", { start: () => provider.never() });
  const { id } = await reboot("silent-01");
  expect(await reboot("late-01", 10)).toMatchObject({ status: "SUCCEEDED" });
  expect(await ready()).toBe(200);
  expect(await ended(id, 30_000)).toMatchObject({ status: "TIMED_OUT", error: { code: "TIMED_OUT" } });
});

it.concurrent("a provider that never answers does not hold up the settling of others", {
  timeout: 40_000,
}, async () => {
  const running = { state: "running", resourceStatus: "working", message: "It goes on.", percent: null } as const;
  let isOver = false;
  provider.scripts.set("hung-01", { poll: () => (isOver ? provider.never() : running) });
  provider.scripts.set("hung-02", { poll: (_run, usual) => (isOver ? usual() : running) });
  const first = await reboot("hung-01", 20);
  const second = await reboot("hung-02", 20);
  expect([first.status, second.status]).toEqual(["TIMED_OUT", "TIMED_OUT"]);
  isOver = true;
  await hasten(app, "settle-scripted").catch(() => undefined);
  await eventually(async () => (await operationOf(dba, second.id)).settledAt !== null, 15_000);
});

it.concurrent("a provider that is silent after the end of an operation does not hold up the next one", {
  timeout: 40_000,
}, async () => {
  let isSilent = false;
  let hanging = 0;
  patient.scripts.set("away-01", {
    poll: (_run, usual) => {
      const poll = usual();
      isSilent ||= poll.state === "succeeded";
      return poll;
    },
    describe: () => {
      if (!isSilent) return;
      hanging += 1;
      return patient.never();
    },
  });
  const { id } = await reboot("away-01");
  expect(await ended(id)).toMatchObject({ status: "SUCCEEDED" });
  await eventually(() => hanging > 0);
  patient.scripts.set("away-01", {});
  const next = await reboot("away-01");
  expect(await ended(next.id, 28_000)).toMatchObject({ status: "SUCCEEDED" });
});

it.concurrent("a provider that is silent from the beginning does not hold up the start", {
  timeout: 40_000,
}, async () => {
  const hanging = scriptedProvider("hanging");
  released.push({ ...hanging, list: () => hanging.never() });
  try {
    const replica = app.replica();
    const started = await Promise.race([replica.then(() => true), wait(28_000).then(() => false)]);
    hanging.release();
    await (await replica).stop();
    expect(started, "started while a provider is silent").toBe(true);
  } finally {
    released.pop();
  }
});
