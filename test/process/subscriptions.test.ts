/** 500 subscriptions of several actors, one revoked, one that does not read, and another replica that changes rows and is killed. */
import { beforeAll, expect, inject, it, vi } from "vitest";
import { type Client, signIn, testApp } from "../support/app.js";
import { cases, isDeep } from "../support/deep.js";
import { HOST, insertInstance, insertOperation } from "../support/fleet-port.js";
import { heapMegabytes } from "../support/heap.js";
import { begun, type Following, openLive, openSleeper, untilPolled } from "../support/live.js";
import { ask, ensureBuilt, startPostern } from "../support/postern.js";
import { SOON } from "../support/soon.js";

const LIMITS = { connectionsPerActor: 10, perConnection: 100, perActor: 400 };
const app = testApp({ SUBSCRIPTION_LIMITS: JSON.stringify(LIMITS) }, undefined, {
  // The long form measures at the usual pace.
  ...{ liveMs: cases(200, 1000), liveSlowMs: 1000, revocationsMs: 50 },
});
vi.setConfig({ testTimeout: cases(60_000, 300_000), hookTimeout: 60_000 });
beforeAll(ensureBuilt);

/** Subscriptions that begin together. */
const AT_ONCE = 25;
const OPERATIONS = cases(6, 30);
/** How long a change may take to the last of them in the long form, which other work may share the machine with. */
const GENEROUS_MS = 10_000;
const QUERY = `subscription ($filter: OperationFilter) {
  operationsUpdated(filter: $filter) { id status instance { identifier endpoint { host } } }
}`;
const FLOOD = 'subscription { securityEventRecorded(filter: { eventType: { eq: "flood" } }) { metadata } }';

/** Another Postern on the database of the app, as a process that can be killed. */
async function openReplica() {
  const { host, port, username, password } = inject("appConnection");
  const running = startPostern(app.folder, {
    ...{ DEMO: "false", DATABASE_URL: `postgres:///${app.sql.options.database}` },
    ...{ PGHOST: host!, PGPORT: String(port), PGUSER: username!, PGPASSWORD: String(password) },
  });
  const { url } = await running.ready();
  return { ...running, url };
}

const cancel = (url: string, { token }: Client, id: string) =>
  ask(url, `mutation { cancelOperation(input: { operationId: "${id}" }) { operation { status } } }`, token as string);

/** A DBA of its own. */
async function newDba(): Promise<Client> {
  const input = { email: "leaver@live.example", password: "correct horse battery", role: "DBA" };
  const create = "mutation($input: CreateUserInput!) { createUser(input: $input) { user { id } } }";
  expect((await (await app.as("admin")).run(create, { input })).errors).toBeUndefined();
  return app.withToken((await signIn(app.anonymous, input.email, input.password)).accessToken);
}

const reads = () => app.statements.filter((text) => text.includes("generate_series"));

it("each of 500 subscriptions gets each change once, by one read for all that are answered alike", async () => {
  const [admin, dba, security, viewer] = await Promise.all(
    (["admin", "dba", "security", "viewer"] as const).map(app.as),
  );
  const leaver = await newDba();
  const instanceId = await insertInstance(app, "TEST");
  const ids: string[] = [];
  for (let n = 0; n < OPERATIONS; n++) ids.push(await insertOperation(app, instanceId, "SCHEDULED"));
  await app.sql`update operations set run_at = now() + interval '1 day' where id in ${app.sql(ids)}`;
  const replica = await openReplica();
  const before = heapMegabytes();

  const filter = { id: { in: ids } };
  /** Subscribes on one connection, some at a time, and waits for the current state. @param rows how many match */
  const follow = async (client: Client | undefined, count: number, by: object = filter, rows = OPERATIONS) => {
    const live = openLive(app.url, client!.token);
    const followings: Following[] = [];
    while (followings.length < count) {
      const some = () => Array.from({ length: AT_ONCE }, () => live.follow(QUERY, { filter: by }));
      const next = await begun(app, some, AT_ONCE);
      for (const each of next) await each.count(rows);
      followings.push(...next);
    }
    return { live, followings };
  };
  const groups = {
    dba: [await follow(dba, 100), await follow(dba, 100)],
    admin: [await follow(admin, 100)],
    security: [await follow(security, 100)],
    leaver: [await follow(leaver, 50)],
    others: [await follow(dba, 50, { ...filter, type: { eq: "CREATE_SNAPSHOT" } }, 0)],
  };
  const of = (...names: (keyof typeof groups)[]): Following[] =>
    names.flatMap((name) => groups[name].flatMap(({ followings }) => followings));
  const staying = of("dba", "admin", "security");
  expect(await openLive(app.url, viewer!.token).follow(QUERY).refused()).toEqual(["FORBIDDEN"]);

  // One change: one read for those who may read endpoints, one for those who may not, and one for those with another filter.
  app.statements.length = 0;
  await cancel(replica.url, dba!, ids[0]!);
  for (const each of [...staying, ...of("leaver")]) await each.count(OPERATIONS + 1);
  await untilPolled(app, 2);
  expect(reads()).toHaveLength(3);

  // Who has signed out elsewhere gets nothing more.
  await ask(replica.url, "mutation { signOut { signedOut } }", leaver.token as string);
  expect((await groups.leaver[0]!.live.closed())[0]).toBe(4403);

  // One that does not read is cut off, and keeps nobody from reading.
  const slow = await openSleeper(app, admin!.token as string, FLOOD);
  const isCut = () => app.log.some(({ msg }) => msg === "a subscriber that reads too slowly is cut off");
  const flooding = vi.waitFor(async () => {
    await app.sql`insert into security_events (event_type, event_status, metadata)
      select 'flood', 'WARNING', jsonb_build_object('text', repeat('x', 50000)) from generate_series(1, 50)`;
    expect(isCut()).toBe(true);
  }, SOON);

  const delays: number[] = [];
  const [alone, together] = [ids.slice(1, OPERATIONS / 2), ids.slice(OPERATIONS / 2)];
  for (const [n, id] of alone.entries()) {
    await cancel(replica.url, dba!, id);
    const since = performance.now();
    for (const each of staying) await each.count(OPERATIONS + 2 + n);
    delays.push(performance.now() - since);
  }
  await flooding;
  // It dies while it changes the others: some are changed, perhaps without anybody having been told so.
  const dying = together.map((id) => cancel(replica.url, dba!, id));
  await Promise.race(dying);
  replica.kill("SIGKILL");
  await replica.ended();
  await Promise.allSettled(dying);

  const changed = await app.sql`select id::text from operations where status = 'CANCELLED' order by id`;
  const expected = changed.map(({ id }) => id as string);
  expect(expected.length).toBeGreaterThan(1 + alone.length);
  for (const each of staying) await each.count(OPERATIONS + expected.length);
  await untilPolled(app, 3);
  for (const each of staying) {
    const rows = each.rows();
    expect(rows.slice(0, OPERATIONS).map(({ id, status }) => [id, status])).toEqual(ids.map((id) => [id, "SCHEDULED"]));
    expect(rows.slice(OPERATIONS).map(({ status }) => status)).toEqual(expected.map(() => "CANCELLED"));
    expect(
      rows
        .slice(OPERATIONS)
        .map(({ id }) => id)
        .sort(),
    ).toEqual([...expected].sort());
    expect(each.ended()).toBeUndefined();
  }
  for (const each of of("dba", "admin")) {
    expect(each.rows().every(({ instance }) => instance.endpoint.host === HOST)).toBe(true);
    expect(each.messages.every(({ errors }) => errors === undefined)).toBe(true);
  }
  for (const each of of("security")) {
    expect(each.rows().every(({ instance }) => instance.endpoint === null)).toBe(true);
    expect(each.messages.every(({ errors }) => errors?.[0]?.extensions?.permission === "instance-endpoints:read")).toBe(
      true,
    );
  }
  for (const each of of("leaver")) expect(each.messages).toHaveLength(OPERATIONS + 1);
  for (const each of of("others")) expect([each.messages, each.ended()]).toEqual([[], undefined]);
  // What the clients here have got is in it.
  expect(heapMegabytes() - before).toBeLessThan(cases(60, 120));
  if (isDeep) {
    console.info(`From the answer to the last of 400 subscriptions: ${delays.map(Math.round).join(", ")} ms`);
    expect(Math.max(...delays)).toBeLessThan(GENEROUS_MS);
  }
  for (const { live } of Object.values(groups).flat()) live.dispose();
  slow.terminate();
});
