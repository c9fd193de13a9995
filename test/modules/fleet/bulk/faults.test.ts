/** A fault of one part does not keep the others waiting; no more bulk operations run than may; what was repeated is not repeated again. */
import { beforeAll, expect, it } from "vitest";
import { type Client, testApp } from "../../../support/app.js";
import { acceptedBulk, askBulk, bulkRecordsOf, endedBulk, partsOf } from "../../../support/bulk-app.js";
import { operationOf } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { polling, type Script, scriptedProvider } from "../../../support/scripted-provider.js";

const provider = scriptedProvider();
const add = (prefix: string, count: number, script: Script = {}) => {
  for (let n = 1; n <= count; n++) provider.add(`${prefix}-${n}`, {}, { ...script });
  return { filter: { identifier: { startsWith: `${prefix}-` } }, expectedCount: count };
};
const FAILS: Script = {
  poll: () => ({ state: "failed", resourceStatus: "available", failure: { code: "StorageFull", message: "Full." } }),
};
const [fault, halt, late, twice, many] = [
  add("fault", 4),
  add("halt", 4),
  add("late", 2),
  add("twice", 3, FAILS),
  add("many", 1, { tookMs: 3_600_000 }),
];

const app = testApp(
  { ...polling({ scripted: 600 }), BULK_PARALLEL: '{"account":1}' },
  async () => [provider],
  // Parts are tried again after this time, and after ever longer ones.
  { sweepMs: 100 },
);
let dba: Client;
beforeAll(async () => {
  dba = await app.as("dba");
  // Nobody expects this error, as that of an index that is broken for some rows.
  await app.sql`create table faulty (identifier text primary key)`;
  await app.sql.unsafe(`
    create function refuse_faulty() returns trigger language plpgsql security definer as $$ begin
      if exists (select from public.faulty f join public.instances i on i.identifier = f.identifier where i.id = new.instance_id) then
        raise exception 'this row cannot be written';
      end if;
      return new;
    end $$;
    create trigger refuse_faulty before insert on operations for each row execute function refuse_faulty()`);
});

const CODE = "RequestFailed";

it("a part whose operation can never be requested has failed after some tries, and the others go on meanwhile", async () => {
  await app.sql`insert into faulty values ('fault-1')`;
  const bulk = await acceptedBulk(dba, "rebootInstances", fault);
  expect((await endedBulk(dba, bulk.id)).summary).toMatchObject({ total: 4, succeeded: 3, failed: 1, waiting: 0 });
  const [failed] = await partsOf(dba, bulk.id, "FAILED");
  expect(failed).toMatchObject({ code: CODE, operation: null, instance: { identifier: "fault-1" } });
  expect(failed.message).toBe(
    "Postern could not request this operation in 5 tries; its log says why. Repeat the bulk operation once that is mended.",
  );
  expect(await bulkRecordsOf(app, bulk.id)).toEqual({
    "bulk-operation.requested": 1,
    "operation.refused": 1,
    "operation.requested": 3,
    "operation.ended": 3,
  });
  const [record] = await app.sql`
    select result, parameters ->> 'type' as type from audit_logs where action = 'operation.refused' and parameters ->> 'bulkOperationId' = ${bulk.id}`;
  expect(record).toEqual({ result: { code: CODE, message: failed.message }, type: "REBOOT_INSTANCE" });
  const said = app.log.filter(({ msg }) => /operation of a part is not requested/.test(String(msg)));
  expect(said).toHaveLength(5);
  expect(said[0]).toMatchObject({ bulkOperationId: bulk.id, requestId: expect.any(String) });
  await app.sql`delete from faulty`;
  const again = await acceptedBulk(dba, "retryBulkOperation", { bulkOperationId: bulk.id, expectedCount: 1 });
  expect((await endedBulk(dba, again.id)).summary).toMatchObject({ total: 1, succeeded: 1 });
  expect(await partsOf(dba, again.id)).toMatchObject([{ operation: { retryOf: null } }]);
  const none = await askBulk(dba, "retryBulkOperation", { bulkOperationId: bulk.id, expectedCount: 1 });
  expect(none.errors?.[0]?.extensions).toMatchObject({ code: "FAILED_PRECONDITION", state: "nothing failed" });
});

it("it stops what is to stop at the first failure", async () => {
  await app.sql`insert into faulty select 'halt-' || n from generate_series(1, 4) n`;
  const bulk = await acceptedBulk(dba, "createSnapshots", { ...halt, stopAtFirstFailure: true });
  expect((await endedBulk(dba, bulk.id)).summary).toMatchObject({ total: 4, failed: 1, skipped: 3 });
  expect((await partsOf(dba, bulk.id)).map(({ code }) => code)).toEqual([CODE, ...Array(3).fill("StoppedAtFailure")]);
  expect(await bulkRecordsOf(app, bulk.id)).toEqual({ "bulk-operation.requested": 1, "operation.refused": 1 });
  await app.sql`delete from faulty`;
});

it("a fault that passes costs a part nothing", async () => {
  await app.sql`insert into faulty values ('late-1')`;
  const bulk = await acceptedBulk(dba, "rebootInstances", late);
  const tries = async () =>
    (await app.sql`select max(tries) as n from bulk_operation_parts where bulk_operation_id = ${bulk.id}`)[0]?.n;
  await eventually(async () => (await tries()) === 2);
  await app.sql`delete from faulty`;
  expect((await endedBulk(dba, bulk.id)).summary).toMatchObject({ total: 2, succeeded: 2 });
});

it("what was repeated with success since is not repeated again, whoever has repeated it", async () => {
  const bulk = await acceptedBulk(dba, "rebootInstances", twice);
  expect((await endedBulk(dba, bulk.id)).summary).toMatchObject({ failed: 3 });
  const retry = { bulkOperationId: bulk.id, expectedCount: 3 };
  provider.scripts.set("twice-1", {});
  const again = await acceptedBulk(dba, "retryBulkOperation", retry);
  expect((await endedBulk(dba, again.id)).summary).toMatchObject({ succeeded: 1, failed: 2 });
  provider.scripts.set("twice-2", {});
  // The repetition of a repetition, and of one part alone.
  const [second] = await partsOf(dba, again.id, "FAILED");
  const { data } = await dba.run(
    `mutation { retryOperation(input: { operationId: "${second.operation.id}" }) { operation { id } } }`,
  );
  await eventually(async () => (await operationOf(dba, data.retryOperation.operation.id)).status === "SUCCEEDED");
  const wrong = await askBulk(dba, "retryBulkOperation", retry);
  expect(wrong.errors?.[0]?.extensions).toMatchObject({ code: "FAILED_PRECONDITION", state: "count", count: 1 });
  const { code } = await dba.run(
    `mutation { retryOperation(input: { operationId: "${second.operation.id}" }) { operation { id } } }`,
  );
  expect(code).toBe("CONFLICT");
  provider.scripts.set("twice-3", {});
  const last = await acceptedBulk(dba, "retryBulkOperation", { ...retry, expectedCount: 1 });
  expect((await endedBulk(dba, last.id)).summary).toMatchObject({ total: 1, succeeded: 1 });
  const none = await askBulk(dba, "retryBulkOperation", { ...retry, expectedCount: 1 });
  expect(none.errors?.[0]?.extensions).toMatchObject({ code: "FAILED_PRECONDITION", state: "nothing failed" });
});

it("of many requests at once no more are accepted than may run", async () => {
  const replica = await app.replica();
  const clients = [dba, await app.as("admin")].flatMap((client) => [client, replica.as(client.token)]);
  const answers = await Promise.all(
    Array.from({ length: 26 }, (_, n) => askBulk(clients[n % clients.length]!, "createSnapshots", many)),
  );
  const accepted = answers.flatMap(({ data }) => data?.createSnapshots?.bulkOperation?.id ?? []);
  expect(accepted).toHaveLength(20);
  const states = answers.flatMap(({ errors }) => errors?.[0]?.extensions.state ?? []);
  expect(states).toEqual(Array(6).fill("too many"));
  for (const bulkOperationId of accepted) await askBulk(dba, "cancelBulkOperation", { bulkOperationId });
  provider.scripts.set("many-1", {});
  for (const id of accepted) await endedBulk(dba, id);
  await replica.stop();
});
