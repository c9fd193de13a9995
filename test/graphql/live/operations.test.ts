/** Operations are followed as they are now and as they change, on whichever replica that happens. */
import { once } from "node:events";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { testApp } from "../../support/app.js";
import { hasten, leftBy } from "../../support/fleet-app.js";
import { insertInstance, insertOperation } from "../../support/fleet-port.js";
import { openLive, polls, socketUrl, untilPolled } from "../../support/live.js";
import { SOON } from "../../support/soon.js";

const app = testApp({}, undefined, { liveMs: 200 });

const ONE = "subscription ($id: ID!) { operationUpdated(operationId: $id) { id status resourceStatus } }";
const MANY = "subscription ($filter: OperationFilter) { operationsUpdated(filter: $filter) { id status } }";

let replica: Awaited<ReturnType<typeof app.replica>>;
let instanceId: string;
let dba: ReturnType<typeof openLive>;
beforeAll(async () => {
  replica = await app.replica();
  instanceId = await insertInstance(app, "TEST");
  dba = openLive(replica.url, (await app.as("dba")).token);
});
afterAll(() => dba.dispose());

const running = async () => insertOperation(app, await insertInstance(app, "TEST"), "RUNNING");

it("one begins as it is now, and goes on with each change", async () => {
  const id = await running();
  const following = dba.follow(ONE, { id });
  expect(await following.count(1)).toEqual([{ id, status: "RUNNING", resourceStatus: null }]);
  await app.sql`update operations set resource_status = 'rebooting' where id = ${id}`;
  expect((await following.count(2))[1]).toEqual({ id, status: "RUNNING", resourceStatus: "rebooting" });
  await app.sql`update operations set status = 'SUCCEEDED', success = true where id = ${id}`;
  expect((await following.count(3))[2]).toEqual({ id, status: "SUCCEEDED", resourceStatus: "rebooting" });
  following.stop();
});

it("who subscribes after a change sees it first, though others follow the same and have not been told of it yet", async () => {
  const id = await running();
  const followings = [dba.follow(ONE, { id })];
  await followings[0]!.count(1);
  for (let n = 0; n < 5; n++) {
    await app.sql`update operations set resource_status = ${`step ${n}`} where id = ${id}`;
    const next = dba.follow(ONE, { id });
    expect((await next.count(1))[0]).toEqual({ id, status: "RUNNING", resourceStatus: `step ${n}` });
    followings.push(next);
  }
  for (const each of followings) each.stop();
});

it("many begin with those that wait or run and match, and go on with whatever matches", async () => {
  const [first, second] = [await running(), await running()];
  const ended = await insertOperation(app, instanceId, "FAILED");
  const scheduled = await insertOperation(app, instanceId, "SCHEDULED");
  await app.sql`update operations set run_at = now() + interval '1 day' where id = ${scheduled}`;
  const following = dba.follow(MANY, { filter: { id: { in: [first, second, ended, scheduled] } } });
  expect(await following.count(3)).toEqual([
    { id: first, status: "RUNNING" },
    { id: second, status: "RUNNING" },
    { id: scheduled, status: "SCHEDULED" },
  ]);
  await app.sql`update operations set status = 'SUCCEEDED' where id in (${first}, ${ended})`;
  expect((await following.count(5)).slice(3)).toEqual([
    { id: first, status: "SUCCEEDED" },
    { id: ended, status: "SUCCEEDED" },
  ]);
  following.stop();
});

it("a change that does not show where it is followed sends no message", async () => {
  const id = await running();
  const following = dba.follow(ONE, { id });
  await following.count(1);
  await app.sql`update operations set lease_until = now() + interval '2 hours' where id = ${id}`;
  await untilPolled(app, 3);
  expect(following.messages).toHaveLength(1);
  await app.sql`update operations set resource_status = 'rebooting' where id = ${id}`;
  expect((await following.count(2))[1]).toMatchObject({ resourceStatus: "rebooting" });
  following.stop();
});

it("an id keeps its digits, and one that is none, or nobody's, is refused", async () => {
  const id = await running();
  await app.sql`update operations set id = 9007199254740993 where id = ${id}`;
  const following = dba.follow(ONE, { id: 9_007_199_254_740_992 });
  // A client in JavaScript cannot send the number itself.
  expect(await following.refused()).toEqual(["NOT_FOUND"]);
  const text = `subscription { operationUpdated(operationId: 9007199254740993) { id } }`;
  const exact = dba.follow(text);
  expect(await exact.count(1)).toEqual([{ id: "9007199254740993" }]);
  exact.stop();
  expect(await dba.follow(ONE, { id: "x" }).refused()).toEqual(["BAD_USER_INPUT"]);
  expect(await dba.follow(ONE, {}).refused()).toEqual(["BAD_USER_INPUT"]);
  expect(await dba.follow(MANY, { filter: { id: { eq: "x" } } }).refused()).toEqual(["BAD_USER_INPUT"]);
});

it("a number in a message keeps its digits", async () => {
  const { token } = await app.as("dba");
  const socket = new WebSocket(socketUrl(app.url), "graphql-transport-ws");
  const got: string[] = [];
  socket.on("message", (data) => got.push(String(data)));
  await once(socket, "open");
  socket.send(JSON.stringify({ type: "connection_init", payload: { authorization: `Bearer ${token}` } }));
  await vi.waitFor(() => expect(got).toHaveLength(1), SOON);
  const payload = `{"query":${JSON.stringify(ONE)},"variables":{"id":9007199254740993}}`;
  socket.send(`{"id":"1","type":"subscribe","payload":${payload}}`);
  await vi.waitFor(() => expect(got[1]).toContain(`"id":"9007199254740993"`), SOON);
  socket.terminate();
});

it("a field that the role may not read is refused in each message, the rest is shown, and one event is recorded", async () => {
  const id = await running();
  const security = openLive(app.url, (await app.as("security")).token);
  const query = `subscription ($id: ID!) { operationUpdated(operationId: $id) { resourceStatus instance { identifier endpoint { host } } } }`;
  const { events } = await leftBy(app, async () => {
    const following = security.follow(query, { id });
    await following.count(1);
    await app.sql`update operations set resource_status = 'rebooting' where id = ${id}`;
    const rows = await following.count(2);
    expect(rows.map(({ instance }) => instance.endpoint)).toEqual([null, null]);
    expect(rows[1]).toMatchObject({ resourceStatus: "rebooting", instance: { identifier: expect.any(String) } });
    for (const { errors } of following.messages) {
      expect(errors).toMatchObject([
        {
          path: ["operationUpdated", "instance", "endpoint"],
          extensions: { code: "FORBIDDEN", permission: "instance-endpoints:read", requestId: expect.any(String) },
        },
      ]);
    }
    following.stop();
  });
  expect(events).toMatchObject([
    { event_type: "authz_fail", metadata: { code: "FORBIDDEN", field: "Instance.endpoint" } },
  ]);
  security.dispose();
});

it("with one poll for all of a process, and none once nobody follows", async () => {
  const other = openLive(app.url, (await app.as("admin")).token);
  const ids = [await running(), await running(), await running()];
  const followings = ids.map((id) => other.follow(ONE, { id }));
  for (const following of followings) await following.count(1);
  app.statements.length = 0;
  for (const id of ids) await app.sql`update operations set resource_status = 'x' where id = ${id}`;
  for (const following of followings) await following.count(2);
  await untilPolled(app, 2);
  const reads = app.statements.filter((text) => /generate_series/.test(text));
  expect(reads).toHaveLength(ids.length);
  other.dispose();
  dba.dispose();
  // The sockets close in this turn; a poll that was under way ends by itself. None comes after, while jobs run that come less often.
  await vi.waitFor(async () => {
    const seen = polls(app);
    for (let n = 0; n < 2; n++) await hasten(app, "retention");
    expect(polls(app)).toBe(seen);
  }, SOON);
});

it("finds changes by the key of their table, however many there are", async () => {
  await app.sql`insert into row_changes (xid, source, row_id) select n::text::xid8, 'scans', n from generate_series(1, 20000) n`;
  await app.sql`analyze row_changes`;
  const [{ snapshot } = { snapshot: "" }] = await app.sql`select pg_current_snapshot()::text as snapshot`;
  const rows = await app.sql`explain select source, row_id from row_changes
    where (xid >= pg_snapshot_xmax(${snapshot}::text::pg_snapshot) or xid = any (array(select pg_snapshot_xip(${snapshot}::text::pg_snapshot))))
      and xid < pg_snapshot_xmax(pg_current_snapshot())`;
  const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
  expect(plan).toContain("row_changes_xid_source_row_id_pk");
  expect(plan).not.toContain("Seq Scan");
});
