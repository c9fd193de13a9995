/** Two Posterns on one database: each operation is run once, whoever took it, and a worker that goes is replaced. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Client, testApp } from "../../../support/app.js";
import { accepted, ask, operationOf, recordsOf } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";

const provider = scriptedProvider();
const names = ["one-dev", "two-dev", "three-dev"];
for (const identifier of names) provider.add(identifier, {}, { tookMs: 120 });
provider.add("slow-dev");

const app = testApp(polling({ scripted: 600 }), async () => [provider], { sweepMs: 500 });
let clients: Client[];
let replica: Awaited<ReturnType<typeof app.replica>>;
let isStopped = false;

beforeAll(async () => {
  const dba = await app.as("dba");
  replica = await app.replica();
  clients = [dba, replica.as(dba.token)];
});
afterAll(async () => {
  if (!isStopped) await replica.stop();
});

const [here, there] = [() => clients[0] as Client, () => clients[1] as Client];

it("runs each operation once, one at a time on an instance, and answers those who wait at either", async () => {
  const asked = Array.from({ length: 24 }, (_, n) =>
    accepted(n % 2 ? here() : there(), n % 3 ? "rebootInstance" : "createSnapshot", {
      instanceId: names[n % names.length],
      waitSeconds: 60,
    }),
  );
  const operations = await Promise.all(asked);
  expect(operations.map(({ status }) => status)).toEqual(asked.map(() => "SUCCEEDED"));
  const ids = operations.map(({ id }) => id as string);
  expect(ids.filter((id) => provider.runs.get(id)?.starts === 1)).toHaveLength(24);
  expect(new Set(provider.begun).size).toBe(provider.begun.length);
  const rows = await app.sql`
    select started_at >= lag(ended_at) over (partition by instance_id order by started_at) as after from operations`;
  expect(rows.filter(({ after }) => after === false)).toEqual([]);
  for (const id of ids) {
    expect((await recordsOf(app, id)).map(({ action }) => action)).toEqual(["operation.requested", "operation.ended"]);
  }
});

it("takes the identifier of a snapshot once, whichever of them is asked", async () => {
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, n) =>
      ask(n % 2 ? here() : there(), "createSnapshot", {
        instanceId: names[n % names.length],
        snapshotId: n % 4 ? "same-name" : "SAME-name",
        waitSeconds: 20,
      }),
    ),
  );
  expect(answers.filter(({ code }) => code === undefined)).toHaveLength(1);
  expect(answers.filter(({ code }) => code === "CONFLICT")).toHaveLength(7);
});

it("who waits at one is answered when the other has run it", async () => {
  provider.scripts.set("slow-dev", { tookMs: 2000 });
  const first = await accepted(there(), "rebootInstance", { instanceId: "slow-dev" });
  const since = performance.now();
  const second = await accepted(here(), "rebootInstance", { instanceId: "slow-dev", waitSeconds: 60 });
  expect(second.status).toBe("SUCCEEDED");
  expect(performance.now() - since).toBeLessThan(8000);
  expect((await operationOf(here(), first.id)).status).toBe("SUCCEEDED");
});

it("a worker that is stopped hands over what runs: another polls on, and starts nothing twice", async () => {
  let isOver = false;
  provider.scripts.set("slow-dev", {
    poll: (_run, usual) =>
      isOver ? usual() : { state: "running", resourceStatus: "rebooting", message: "It goes on.", percent: null },
  });
  const { id } = await accepted(there(), "rebootInstance", { instanceId: "slow-dev" });
  await eventually(async () => (await operationOf(here(), id)).progress.length > 0);
  const [row] = await app.sql`select worker from operations where id = ${id}`;
  await replica.stop();
  isStopped = true;
  isOver = true;
  const operation = await eventually(async () => {
    const now = await operationOf(here(), id);
    return now.endedAt !== null && now;
  }, 25_000);
  expect(operation.status).toBe("SUCCEEDED");
  expect(row?.worker).toMatch(/^[0-9a-f-]{36}$/);
  expect(provider.runs.get(id)?.starts).toBe(1);
  expect((await recordsOf(app, id)).map(({ action }) => action)).toEqual(["operation.requested", "operation.ended"]);
});
