/** Scheduled operations and the processes that follow the clock: one that was down, one that was killed, several at once. */
import { beforeAll, expect, it } from "vitest";
import { type Client, testApp } from "../../../support/app.js";
import { accepted, operationOf, recordsOf } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";

const provider = scriptedProvider();
const names = ["one-dev", "two-dev", "three-dev", "four-dev", "five-dev"];
for (const identifier of names) provider.add(identifier);

// It looks once, when it starts, and then as good as never: as if it were down.
const app = testApp(polling({ scripted: 600 }), async () => [provider], { sweepMs: 3_600_000 });
let dba: Client;
beforeAll(async () => {
  dba = await app.as("dba");
});

const scheduled = async (n: number) => {
  const runAt = new Date(Date.now() + 3_600_000).toISOString();
  const instanceId = names[n % names.length];
  return (await accepted(dba, n % 2 ? "createSnapshot" : "rebootInstance", { instanceId, runAt })).id as string;
};
const becomes = (id: string, minutesAgo: number, status = "SCHEDULED") =>
  app.sql`update operations set run_at = now() - ${minutesAgo} * interval '1 minute', status = ${status} where id = ${id}`;
const statusOf = async (id: string): Promise<string> => (await operationOf(dba, id)).status;
const endsAs = (id: string, status: string) => eventually(async () => (await statusOf(id)) === status, 30_000);
const startsOf = (id: string) => provider.runs.get(id)?.starts ?? 0;
const actionsOf = async (id: string) => (await recordsOf(app, id)).map(({ action }) => action);

it("a process that was down begins what is not too late, ends what is, and takes over what one had queued before it was killed", async () => {
  const ids = await Promise.all([0, 1, 2, 3, 4].map(scheduled));
  const [due, late, ahead, queued, lateInQueue] = ids as [string, string, string, string, string];
  await becomes(due, 5);
  await becomes(late, 20);
  await becomes(queued, 5, "QUEUED");
  await becomes(lateInQueue, 20, "QUEUED");
  const replica = await app.replica();
  await endsAs(due, "SUCCEEDED");
  await endsAs(queued, "SUCCEEDED");
  await endsAs(late, "EXPIRED");
  await endsAs(lateInQueue, "EXPIRED");
  await replica.stop();
  expect([await statusOf(ahead), ids.map(startsOf)]).toEqual(["SCHEDULED", [1, 0, 0, 1, 0]]);
  for (const id of [due, late, queued, lateInQueue]) {
    expect(await actionsOf(id)).toEqual(["operation.requested", "operation.ended"]);
  }
});

it("what is due when several start at once is begun once, and what is late has one end", async () => {
  const ids: string[] = [];
  for (let n = 0; n < 40; n++) ids.push(await scheduled(n));
  await app.sql`
    update operations set run_at = now() - case when id % 4 = 0 then 20 else 1 end * interval '1 minute' where id in ${app.sql(ids)}`;
  const replicas = await Promise.all([app.replica(), app.replica(), app.replica()]);
  for (const id of ids) await endsAs(id, BigInt(id) % 4n === 0n ? "EXPIRED" : "SUCCEEDED");
  expect(ids.map(startsOf)).toEqual(ids.map((id) => (BigInt(id) % 4n === 0n ? 0 : 1)));
  for (const id of ids) expect(await actionsOf(id)).toEqual(["operation.requested", "operation.ended"]);
  await Promise.all(replicas.map((replica) => replica.stop()));
});
