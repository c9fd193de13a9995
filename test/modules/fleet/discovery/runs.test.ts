/** Runs of discovery: one at a time for a provider, whoever asks; a dead one is taken over, and what came late changes nothing. */
import { randomUUID } from "node:crypto";
import { beforeAll, expect, inject, it, vi } from "vitest";
import { createClient } from "../../../../src/db/client.js";
import { listKnownInstances } from "../../../../src/modules/fleet/inventory/refresh.store.js";
import type { Report } from "../../../../src/providers/deed.js";
import type { ProviderScope, ScopeListing } from "../../../../src/providers/provider.js";
import { type Client, testApp } from "../../../support/app.js";
import { isDeep } from "../../../support/deep.js";
import { hasten, instanceOf, operationOf } from "../../../support/fleet-app.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";
import { SOON } from "../../../support/soon.js";

const provider = scriptedProvider();
const SCOPES = ["a", "b"].map((accountId) => ({ accountId, region: null, name: null }));
/** How often each scope was listed, and how many looks at it are under way. */
const looks = new Map(
  SCOPES.map(({ accountId }) => [
    accountId,
    { begun: 0, now: 0, most: 0, signal: undefined as AbortSignal | undefined },
  ]),
);
let gate: Promise<void> = Promise.resolve();
let fault: Error | null = null;
/** Of the app itself; that of a replica ends with it. */
let report: Report;
Object.assign(provider, {
  reportTo(told: Report) {
    report ??= told;
  },
  scopes: SCOPES,
  discovery: { everySeconds: 3600, snapshotsEverySeconds: 3600 },
  async list({ accountId }: ProviderScope, { onCall, signal }: ScopeListing = {}) {
    const look = looks.get(accountId)!;
    look.begun += 1;
    look.signal = signal;
    look.now += 1;
    look.most = Math.max(look.most, look.now);
    onCall?.();
    const answer = [...provider.instances.values()].filter((instance) => instance.accountId === accountId);
    await gate.finally(() => (look.now -= 1));
    if (fault && accountId === "b") throw fault;
    return answer;
  },
});
provider.add("one", { accountId: "a" });
provider.add("two", { accountId: "b" });

const app = testApp({ DISCOVERY_SCOPE_SECONDS: "20", ...polling({ scripted: 600 }) }, async () => [provider]);
let dba: Client;
beforeAll(async () => {
  dba = await app.as("dba");
});

/** The runs that have ended are so old that a request begins another one. */
const passPause = () => app.sql`update discovery_runs set ended_at = ended_at - interval '30 seconds'`;
const request = async (client = dba) => {
  await passPause();
  return ask(client);
};
const ask = async (client = dba) =>
  (await client.run(`mutation { discoverInstances(input: { provider: "scripted" }) { runs { id endedAt } } }`)).data
    .discoverInstances.runs[0] as { id: string; endedAt: string | null };
const runOf = async (id: string) =>
  (
    await dba.run(
      `query($id: ID!) { discoveryRun(id: $id) { id endedAt found new changed gone failedScopes scopes { accountId found error { code message } } } }`,
      { id },
    )
  ).data.discoveryRun;
const ended = (id: string) =>
  vi.waitFor(async () => {
    const run = await runOf(id);
    expect(run.endedAt).not.toBeNull();
    return run;
  }, SOON);
function hold() {
  const { promise, resolve } = Promise.withResolvers<void>();
  gate = promise;
  return () => {
    gate = Promise.resolve();
    resolve();
  };
}
const begun = () => [...looks.values()].map((look) => look.begun);

it("who asks while a run is under way joins it, in every replica; no scope is looked at twice at once", async () => {
  const replica = await app.replica();
  const before = begun();
  const letGo = hold();
  const first = await request();
  await vi.waitFor(() => expect(begun()).toEqual(before.map((count) => count + 1)), SOON);
  const others = await Promise.all([request(), request(), request(replica.as(dba.token))]);
  expect(others).toEqual(others.map(() => ({ id: first.id, endedAt: null })));
  letGo();
  const run = await ended(first.id);
  expect(run).toMatchObject({ found: 2, new: 0, changed: 0, gone: 0, failedScopes: 0 });
  expect(begun()).toEqual(before.map((count) => count + 1));
  expect([...looks.values()].map(({ most }) => most)).toEqual([1, 1]);
  const records = await app.sql`
    select result -> 'runs' -> 0 -> 'joined' as joined from audit_logs where action = 'discovery-run.request' and resource_id = ${first.id} order by id`;
  expect(records.map(({ joined }) => joined)).toEqual([false, true, true, true]);
  await replica.stop();
});

it("who asks right after a run has that one, whoever began it; a schedule or a start begins another", async () => {
  const before = begun();
  const { id } = await request();
  await ended(id);
  const { endedAt } = await runOf(id);
  expect([await ask(), await ask()]).toEqual([
    { id, endedAt },
    { id, endedAt },
  ]);
  expect(begun()).toEqual(before.map((count) => count + 1));
  await hasten(app, "inventory-scripted");
  expect(begun()).toEqual(before.map((count) => count + 2));
  const [scheduled] = await app.sql`select id::text from discovery_runs order by id desc limit 1`;
  expect(scheduled?.id).not.toBe(id);
  expect((await ask()).id).toBe(scheduled?.id);
  await app.sql`update discovery_runs set ended_at = ended_at - interval '29 seconds'`;
  expect((await ask()).id).toBe(scheduled?.id);
  await app.sql`update discovery_runs set ended_at = ended_at - interval '1 second'`;
  const next = await ask();
  expect(next).toEqual({ id: expect.any(String), endedAt: null });
  expect([id, scheduled?.id]).not.toContain(next.id);
  await ended(next.id);
  const records = await app.sql`
    select resource_id, result -> 'runs' -> 0 -> 'joined' as joined from audit_logs where action = 'discovery-run.request' order by id desc limit 6`;
  expect(records.map(({ joined }) => joined)).toEqual([false, true, true, true, true, false]);
});

it("the run of a dead worker is taken over, and goes on with what is left", async () => {
  const before = begun();
  const done = { accountId: "a", region: null, found: 1, new: 0, changed: 0, gone: 0, calls: 1, error: null };
  const [row] = await app.sql`
    insert into discovery_runs (provider, requested_by, worker, lease_until, found, scopes)
    values ('scripted', '{"type": "system", "name": "schedule"}', ${randomUUID()}, now() - interval '1 second', 1,
      ${JSON.stringify([{ ...done, startedAt: new Date().toISOString(), endedAt: new Date().toISOString() }])}::text::jsonb)
    returning id::text`;
  const run = await ended(row?.id);
  expect(run).toMatchObject({ found: 2, scopes: [{ accountId: "a" }, { accountId: "b" }] });
  expect(begun()).toEqual([before[0], (before[1] ?? 0) + 1]);
});

it("what a worker found that was overtaken is not written, and the run not ended by it", async () => {
  const letGo = hold();
  const { id } = await request();
  provider.add("three", { accountId: "a" });
  await vi.waitFor(() => expect([...looks.values()].map(({ now }) => now)).toEqual([1, 1]), SOON);
  const other = randomUUID();
  await app.sql`update discovery_runs set worker = ${other}, lease_until = now() + interval '1 hour' where id = ${id}`;
  const rows = async () => (await app.sql`select count(*)::int as count from instances`)[0]?.count;
  const before = await rows();
  letGo();
  await vi.waitFor(() => expect([...looks.values()].map(({ now }) => now)).toEqual([0, 0]), SOON);
  await vi.waitFor(
    () => expect(app.log.some(({ msg }) => msg === "discovery is interrupted; it goes on in a moment")).toBe(true),
    SOON,
  );
  expect([await rows(), (await runOf(id)).endedAt]).toEqual([before, null]);
  // Nor is the id remembered that it would have had.
  const deed = { providerId: "three", by: "repair", action: "instance.wait", result: {}, success: true };
  await report(deed);
  expect(await app.sql`select resource_id from audit_logs where action = 'instance.wait'`).toEqual([
    { resource_id: null },
  ]);
  await app.sql`update discovery_runs set lease_until = now() - interval '1 second' where id = ${id}`;
  expect(await ended(id)).toMatchObject({ new: 1 });
});

it("a scope whose answer Postern cannot deal with fails alone, and says no more than that", async () => {
  fault = new Error("password=hunter2Secret");
  const run = await ended((await request()).id);
  fault = null;
  expect(run).toMatchObject({ failedScopes: 1, gone: 0 });
  expect(looks.get("b")?.signal?.aborted, "nothing of it goes on").toBe(true);
  const [, failed] = run.scopes.toSorted((a: { accountId: string }, b: { accountId: string }) =>
    a.accountId < b.accountId ? -1 : 1,
  );
  expect(failed.error.code).toBe("InternalFailure");
  expect(JSON.stringify(run)).not.toContain("hunter2");
  provider.change("two", { status: "x".repeat(65) });
  const broken = await ended((await request()).id);
  expect(broken).toMatchObject({ failedScopes: 1, gone: 0 });
  provider.change("two", { status: "available" });
  expect(await ended((await request()).id)).toMatchObject({ failedScopes: 0 });
});

it("a scope that fails now and then has one finding for it, and another one an hour later", async () => {
  const found = async () => {
    for (const next of [new Error("away"), null]) {
      fault = next;
      await ended((await request()).id);
    }
    return app.sql`select resolved_at is null as open from findings where scope_id is not null order by id`;
  };
  const [before, after] = [await found(), await found()];
  expect([before.length, after]).toEqual([1, before]);
  await app.sql`update findings set resolved_at = now() - interval '61 minutes' where scope_id is not null`;
  expect(await found()).toEqual([{ open: false }, { open: false }]);
});

it("a scope that is configured no more is marked, keeps its instances, and comes back", async () => {
  Object.assign(provider, { scopes: SCOPES.slice(0, 1) });
  const replica = await app.replica();
  await replica.stop();
  const stateOf = async () =>
    (
      await dba.run(
        `{ scopes(orderBy: { field: ACCOUNT_ID }) { nodes { accountId state } } instances(filter: { gone: { eq: false } }) { totalCount } }`,
      )
    ).data;
  expect(await stateOf()).toEqual({
    scopes: {
      nodes: [
        { accountId: "a", state: "LISTED" },
        { accountId: "b", state: "REMOVED" },
      ],
    },
    instances: { totalCount: 3 },
  });
  Object.assign(provider, { scopes: SCOPES });
  const before = begun();
  const letGo = hold();
  const { id } = await request();
  await vi.waitFor(() => expect(begun()).toEqual(before.map((count) => count + 1)), SOON);
  expect((await stateOf()).scopes.nodes[1], "until it is listed").toEqual({ accountId: "b", state: "PENDING" });
  letGo();
  await ended(id);
  expect((await stateOf()).scopes.nodes[1]).toEqual({ accountId: "b", state: "LISTED" });
});

it("an instance that is gone and comes back is the same, and its history says both", async () => {
  const [id, description] = [...provider.instances].find(([, { identifier }]) => identifier === "one")!;
  const stateOf = async () =>
    (
      await dba.run(
        `{ instances(filter: { identifier: { eq: "one" } }) { nodes { id gone changes { nodes { field before after } } } } }`,
      )
    ).data.instances.nodes;
  const [before] = await stateOf();
  provider.instances.delete(id);
  expect(await ended((await request()).id)).toMatchObject({ new: 0, gone: 1 });
  expect(await stateOf()).toMatchObject([{ id: before.id, gone: true }]);
  // Of those that are gone, the next run reads only what is back.
  const [row] = await app.sql`
    select scope_id::text, current_database() as database, now()::text from instances where identifier = 'one'`;
  const client = createClient({ connection: { ...inject("connection"), database: row?.database }, poolSize: 1 });
  const known = (ids: string[]) =>
    listKnownInstances(client.db, "scripted", BigInt(row?.scope_id), ids, row?.now).then((rows) =>
      rows.map(({ identifier }) => identifier).sort(),
    );
  expect([await known([]), await known([id])]).toEqual([["three"], ["one", "three"]]);
  await client.close();
  provider.instances.set(id, description);
  expect(await ended((await request()).id)).toMatchObject({ new: 0, gone: 0 });
  expect(await stateOf()).toEqual([
    {
      id: before.id,
      gone: false,
      changes: {
        nodes: [
          { field: "GONE", before: true, after: false },
          { field: "GONE", before: false, after: true },
          ...before.changes.nodes,
        ],
      },
    },
  ]);
});

it("a look that began before the listing that found an instance gone does not bring it back", async () => {
  provider.add("leaving", { accountId: "a" });
  await ended((await request()).id);
  const usual = provider.describeWithSiblings;
  const [asked, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  // The worker's look: its answer is from when it was asked for, and comes late.
  const late = async (id: string) => {
    Object.assign(provider, { describeWithSiblings: usual });
    const answer = await usual(id);
    asked.resolve();
    await gate.promise;
    return answer;
  };
  Object.assign(provider, { describeWithSiblings: late });
  const { data } = await dba.run(
    `mutation { rebootInstance(input: { instanceId: "leaving" }) { operation { id instance { id } } } }`,
  );
  const { id, instance } = data.rebootInstance.operation;
  await asked.promise;
  provider.instances.delete("leaving");
  expect(await ended((await request()).id)).toMatchObject({ gone: 1 });
  gate.resolve();
  const operation = await vi.waitFor(async () => {
    const found = await operationOf(dba, id);
    expect(found.endedAt).not.toBeNull();
    return found;
  }, SOON);
  expect(operation).toMatchObject({ status: "FAILED", error: { code: "DBInstanceNotFound" } });
  expect(provider.runs.has(id)).toBe(false);
  expect(await instanceOf(dba, instance.id, "gone operable changes { nodes { field before after } }")).toEqual({
    ...{ gone: true, operable: false },
    changes: { nodes: [{ field: "GONE", before: false, after: true }] },
  });
});

it("what is operated is looked at in between", async () => {
  const { data } = await dba.run(
    `mutation { rebootInstance(input: { instanceId: "one", waitSeconds: 20 }) { operation { status } } }`,
  );
  expect(data.rebootInstance.operation.status).toBe("SUCCEEDED");
  const before = begun();
  provider.change("one", { status: "modifying" });
  provider.change("two", { status: "modifying" });
  await hasten(app, "operated-scripted");
  const statuses =
    await app.sql`select identifier, status from instances where identifier in ('one', 'two') order by 1`;
  expect(statuses.map(({ status }) => status)).toEqual(["modifying", "available"]);
  expect(begun()).toEqual(before);
});

it("what was looked at alone meanwhile is newer than a listing that began before, and does not go with it", async () => {
  const [id, description] = [...provider.instances].find(([, { identifier }]) => identifier === "one")!;
  const stateOf = async () =>
    (await dba.run(`{ instance(id: "one") { status gone changes(first: 1) { nodes { id } } } }`)).data.instance;
  await ended((await request()).id);
  for (const whatIsListed of [{ ...description, status: "available" }, null]) {
    if (whatIsListed) provider.instances.set(id, whatIsListed);
    else provider.instances.delete(id);
    const before = begun();
    const letGo = hold();
    const run = await request();
    await vi.waitFor(() => expect(begun()).toEqual(before.map((count) => count + 1)), SOON);
    provider.instances.set(id, { ...description, status: "maintenance" });
    await hasten(app, "operated-scripted");
    const seen = await stateOf();
    expect(seen).toMatchObject({ status: "maintenance", gone: false });
    letGo();
    expect(await ended(run.id)).toMatchObject({ changed: 0, gone: 0 });
    expect(await stateOf()).toEqual(seen);
  }
});

it("a replica that stops leaves its run to whoever comes, at once", async () => {
  const replica = await app.replica();
  const before = begun();
  const letGo = hold();
  const { id } = await request(replica.as(dba.token));
  await vi.waitFor(() => expect(begun()).toEqual(before.map((count) => count + 1)), SOON);
  const workerOf = async () => (await app.sql`select worker from discovery_runs where id = ${id}`)[0]?.worker;
  const worker = await workerOf();
  expect(worker).toEqual(expect.any(String));
  await replica.stop();
  expect(await workerOf()).not.toBe(worker);
  letGo();
  expect(await ended(id)).toMatchObject({ failedScopes: 0, scopes: [{}, {}] });
});

it.runIf(isDeep)("a long run stays its worker's", async () => {
  const letGo = hold();
  const { id } = await request();
  const leaseOf = async () =>
    (await app.sql`select lease_until as until from discovery_runs where id = ${id}`)[0]?.until;
  const first = await vi.waitFor(async () => {
    const until = await leaseOf();
    expect(until).not.toBeNull();
    return until;
  }, SOON);
  await vi.waitFor(async () => expect((await leaseOf()) > first).toBe(true), SOON);
  letGo();
  await ended(id);
});

it("an unknown provider is named", async () => {
  const { errors } = await dba.run(`mutation { discoverInstances(input: { provider: "aws" }) { runs { id } } }`);
  expect(errors).toMatchObject([
    { message: "The providers are `scripted`.", extensions: { code: "BAD_USER_INPUT", field: "provider" } },
  ]);
});

it("runs and what is over in the inventory go when they are old, but for what others refer to", async () => {
  await app.sql`
    insert into discovery_runs (provider, requested_by, started_at, ended_at) values
      ('old', '{}', now() - interval '32 days', now() - interval '31 days'), ('old', '{}', now() - interval '30 days', now() - interval '29 days')`;
  await app.sql`
    insert into instance_changes (instance_id, field, at) select min(id), 'GONE', now() - make_interval(days => d) from instances, unnest(array[399, 401]) d group by d`;
  await hasten(app, "retention-discovery");
  await app.sql`
    insert into findings (instance_id, kind, severity, detail, opened_at, resolved_at)
    select min(id), 'old', 'INFO', d::text, now() - interval '500 days', now() - make_interval(days => nullif(d, 0)) from instances, unnest(array[0, 399, 401]) d group by d`;
  await app.sql`
    insert into instances (provider, provider_id, identifier, engine, engine_version, multi_az, status, members, tags, environment, classification, vanished_at)
    select 'old', name, name, 'postgres', '15', false, 'available', '[]', '[]', 'TEST', '{"evidence": []}', now() - make_interval(days => days)
    from (values ('young', 399), ('bare', 401), ('operated', 401), ('snapped', 401), ('mapped', 401)) gone (name, days)`;
  const idOf = (name: string) => app.sql`(select id from instances where provider_id = ${name})`;
  await app.sql`insert into environment_mappings (instance_id, reason, created_by) values (${idOf("mapped")}, 'Over.', '{}')`;
  await app.sql`
    insert into snapshots (instance_id, identifier, arn, uid, status, tags, automated, created_at, looked_at)
    select i.id, name, name, '', taken.status, '[]', false, now() - interval '500 days', now() - make_interval(days => days)
    from (values ('there', 'available', 401, 'snapped'), ('young', 'deleted', 399, 'young'), ('bare', 'deleted', 401, 'bare'),
      ('operated', 'deleted', 401, 'operated'), ('last', 'deleted', 401, 'young')) taken (name, status, days, of)
    join instances i on i.provider_id = taken.of`;
  await app.sql`update instances set last_backup_id = (select id from snapshots where identifier = 'last') where provider_id = 'young'`;
  await app.sql`
    insert into operations (type, instance_id, parameters, status, requested_by, snapshot_id)
    select 'CREATE_SNAPSHOT', instance_id, '{}', 'SUCCEEDED', '{}', id from snapshots where identifier = 'operated'`;
  await hasten(app, "retention-inventory");
  expect(await app.sql`select detail from findings where kind = 'old' order by detail`).toEqual([
    { detail: "0" },
    { detail: "399" },
  ]);
  expect(
    (await app.sql`select identifier from snapshots where uid = '' order by identifier`).map(
      ({ identifier }) => identifier,
    ),
  ).toEqual([...["last", "operated", "there", "young"]]);
  expect(
    (await app.sql`select identifier from instances where provider = 'old' order by identifier`).map(
      ({ identifier }) => identifier,
    ),
  ).toEqual([...["mapped", "operated", "snapped", "young"]]);
  expect(await app.sql`select count(*)::int as count from discovery_runs where provider = 'old'`).toEqual([
    { count: 1 },
  ]);
  expect(
    await app.sql`select count(*)::int as count from instance_changes where at < now() - interval '300 days'`,
  ).toEqual([{ count: 1 }]);
});
