/** Operations on real clusters, asked for over HTTP: who may, what a snapshot is of, and that production is never touched. */
import { join } from "node:path";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { LocalProvider } from "../../../../src/providers/local.js";
import { OPERATION_TYPES } from "../../../../src/values/operations/declarations.js";
import { type Client, EMAILS } from "../../../support/app.js";
import { accepted, ask, ENVIRONMENT, instanceOf, leftBy, recordsOf } from "../../../support/fleet-app.js";
import { idOf, operate, query, restoreOf } from "../../../support/ground.js";
import { DEV, FULL, PROD, TEST, useLocalFleet } from "../../../support/local-fleet.js";

const PRODUCTION_MESSAGE = "Operations not allowed on production instances. Please create a CloudOps request.";

const { app, ground, opened, count, startedAt } = useLocalFleet();
let provider: LocalProvider;
let dba: Client;
beforeAll(() => {
  ({ provider, dba } = opened());
});

it("one request crosses data, inventory and security events", async () => {
  await app.anonymous.run(`{ scans { totalCount } }`);
  const { data, errors } = await (await app.as("admin")).run(`{
    scans(first: 2) { totalCount nodes { id targetUrl organization { name } } }
    instance(id: "${DEV}") { identifier provider engine status endpoint { host port } members { name role } ${ENVIRONMENT} }
    production: instance(id: "${PROD}") { ${ENVIRONMENT} }
    instances(orderBy: { field: IDENTIFIER, direction: ASC }) { totalCount nodes { identifier multiAz } }
    securityEvents(first: 5) { totalCount nodes { eventType eventStatus } }
  }`);
  expect(errors).toBeUndefined();
  expect(data.scans.nodes).toHaveLength(2);
  expect(data.instances).toEqual({
    totalCount: 4,
    nodes: [FULL, DEV, PROD, TEST].map((identifier) => ({ identifier, multiAz: identifier === TEST })),
  });
  expect(data.instance).toMatchObject({
    identifier: DEV,
    provider: "local",
    engine: "postgres",
    status: "available",
    endpoint: { host: "127.0.0.1", port: (await provider.connectionOf(DEV)).port },
    members: [{ name: `${DEV}-a`, role: "PRIMARY" }],
    environment: { environment: "DEVELOPMENT", decidedBy: "TAG", conflict: false, dispute: null },
  });
  const said = (of: typeof data) =>
    of.environment.evidence.map(({ method, environment }: Record<string, string>) => [method, environment]);
  expect(said(data.instance)).toEqual([
    ["TAG", "DEVELOPMENT"],
    ["INSTANCE_MAPPING", null],
    ["ACCOUNT_MAPPING", null],
    ["NAME_PATTERN", "DEVELOPMENT"],
    ["DEFAULT", "PRODUCTION"],
  ]);
  for (const { detail } of data.instance.environment.evidence) expect(detail).toMatch(/\w.*\.$/);
  const every = (allowed: boolean, reason: string | null) => OPERATION_TYPES.map((type) => ({ type, allowed, reason }));
  expect(data.instance.availableOperations).toEqual(
    every(true, null).map((each) =>
      each.type === "START_INSTANCE"
        ? {
            ...each,
            allowed: false,
            reason: "This instance is available. There is nothing to start: stop it first, or reboot it.",
          }
        : each,
    ),
  );
  expect(data.production.environment).toMatchObject({ environment: "PRODUCTION", conflict: false });
  expect(data.production.availableOperations).toEqual(every(false, PRODUCTION_MESSAGE));
  expect(data.securityEvents.totalCount).toBeGreaterThanOrEqual(1);
  expect(data.securityEvents.nodes.map(({ eventType }: { eventType: string }) => eventType)).toContain("authz_fail");
});

it("who may not run operations reads why, and sees no endpoint", async () => {
  const viewer = await app.as("viewer");
  const { data, errors } = await viewer.run(
    `{ instance(id: "${DEV}") { endpoint { port } availableOperations { allowed reason } } }`,
  );
  expect(data.instance.endpoint).toBeNull();
  expect(errors?.[0]).toMatchObject({ path: ["instance", "endpoint"], extensions: { code: "FORBIDDEN" } });
  const no = { allowed: false, reason: "Your role may not run operations." };
  expect(data.instance.availableOperations).toEqual(OPERATION_TYPES.map(() => no));
  const { answer, records, events, operations } = await leftBy(app, () =>
    ask(viewer, "rebootInstance", { instanceId: DEV }),
  );
  expect([answer.status, answer.code]).toEqual([403, "FORBIDDEN"]);
  expect(records).toMatchObject([{ action: "operation.refused", success: false, actor: { email: EMAILS.viewer } }]);
  expect(events).toMatchObject([{ event_type: "authz_fail" }]);
  expect(operations).toBe(0);
});

describe("createSnapshot", () => {
  it("makes a copy that can be restored, with the rows there were when it began", async () => {
    const tags = [
      { key: "Ticket", value: "OPS-1" },
      { key: "Grund", value: "vor dem Umzug ü" },
    ];
    const atStart = await count(DEV);
    const begun = Date.now();
    const { answer, records, events } = await leftBy(app, () =>
      accepted(dba, "createSnapshot", { instanceId: DEV, snapshotId: "Before-Move", tags, waitSeconds: 30 }),
    );
    expect(answer).toMatchObject({
      type: "CREATE_SNAPSHOT",
      status: "SUCCEEDED",
      success: true,
      error: null,
      instance: { identifier: DEV },
      parameters: { snapshotId: "Before-Move", tags, automated: false },
      requestedBy: { type: "user", email: EMAILS.dba, role: "DBA" },
      snapshot: { identifier: "Before-Move", status: "available", tags },
    });
    const { id, snapshot } = answer;
    expect(snapshot.arn).toBe(join(ground.path, "fleet/snapshots/before-move"));
    expect(snapshot.sizeBytes).toBeGreaterThan(5_000_000);
    expect(Math.abs(Date.parse(snapshot.createdAt) - begun)).toBeLessThan(10_000);
    expect(Date.parse(answer.requestedAt)).toBeLessThanOrEqual(Date.parse(answer.startedAt));
    expect(answer.durationSeconds).toBeCloseTo((Date.parse(answer.endedAt) - Date.parse(answer.startedAt)) / 1000, 1);
    expect(answer.progress.length).toBeGreaterThan(0);
    expect(answer.progress[0]).toMatchObject({ resourceStatus: "creating", message: expect.stringMatching(/\w/) });

    const actor = { type: "user", email: EMAILS.dba, role: "DBA" };
    const parameters = { type: "CREATE_SNAPSHOT", instanceId: answer.instance.id, snapshotId: "Before-Move", tags };
    expect(records).toHaveLength(2);
    expect(await recordsOf(app, id)).toMatchObject([
      { action: "operation.requested", success: true, actor, parameters },
      { action: "operation.ended", success: true, actor, parameters, result: { status: "SUCCEEDED" } },
    ]);
    const [requested, ended] = await recordsOf(app, id);
    expect(ended?.duration_seconds).toBeCloseTo(answer.durationSeconds, 3);
    expect(ended?.request_id).toBe(requested?.request_id);
    expect(events).toEqual([]);

    const listed = await instanceOf(
      dba,
      DEV,
      "snapshots { totalCount nodes { identifier arn automated } } operations { nodes { id } }",
    );
    expect(listed.snapshots).toEqual({
      totalCount: 1,
      nodes: [{ identifier: "Before-Move", arn: snapshot.arn, automated: false }],
    });
    expect(listed.operations.nodes).toEqual([{ id }]);

    await query(provider, DEV, (sql) => sql`insert into notes select generate_series(1, 77)`);
    await operate(provider, restoreOf(await idOf(provider, DEV), "Before-Move", "dev-restored"));
    onTestFinished(() => provider.destroy("dev-restored"));
    expect(await count("dev-restored")).toBe(atStart);
    expect(await count(DEV)).toBe(atStart + 77);
  });

  it.each(["Before-Move", "BEFORE-move"])("refuses the identifier of an existing one: %s", async (snapshotId) => {
    const { answer, records, operations, snapshots } = await leftBy(app, () =>
      ask(dba, "createSnapshot", { instanceId: TEST, snapshotId }),
    );
    expect([answer.status, answer.code]).toEqual([409, "CONFLICT"]);
    expect(records).toMatchObject([{ action: "operation.refused", success: false }]);
    expect([operations, snapshots]).toEqual([0, 0]);
  });

  it("takes an identifier once where two ask for it at once, in whatever case and of whatever instance", async () => {
    const asked = [
      { instanceId: DEV, snapshotId: "Twin" },
      { instanceId: TEST, snapshotId: "tWIN" },
      { instanceId: DEV, snapshotId: "TWIN" },
    ].map((input) => ask(dba, "createSnapshot", { ...input, waitSeconds: 30 }));
    const answers = await Promise.all(asked);
    expect(answers.map(({ code }) => code ?? "accepted").sort()).toEqual(["CONFLICT", "CONFLICT", "accepted"]);
    const winner = answers.find(({ code }) => code === undefined);
    expect(winner?.data.createSnapshot.operation).toMatchObject({ status: "SUCCEEDED" });
    expect(await app.sql`select from snapshots where lower(identifier) = 'twin'`).toHaveLength(1);
  });

  it("generates a valid identifier, another each time", async () => {
    const operations = await Promise.all(
      [1, 2].map(() => accepted(dba, "createSnapshot", { instanceId: DEV, waitSeconds: 30 })),
    );
    const names = operations.map(({ snapshot }) => snapshot.identifier);
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name).toMatch(/^dev-postgres-01-\d{8}-\d{6}-[0-9a-f]{6}$/);
  });

  const tagged = (...tags: object[]) => ({ tags });
  it.each<[object, string]>([
    ...[
      "",
      "1abc",
      "-abc",
      "abc-",
      "a--b",
      "a_b",
      "a b",
      "ä",
      "ａbc",
      "abc\n",
      "rds:abc",
      "a".repeat(256),
      "x/../y",
    ].map((snapshotId): [object, string] => [{ snapshotId }, "snapshotId"]),
    [tagged({ key: "", value: "x" }), "tags.0.key"],
    [tagged({ key: "k".repeat(129), value: "x" }), "tags.0.key"],
    [tagged({ key: "a", value: "x" }, { key: "AWS:b", value: "x" }), "tags.1.key"],
    [tagged({ key: "rds:b", value: "x" }), "tags.0.key"],
    [tagged({ key: "a", value: "" }), "tags.0.value"],
    [tagged({ key: "a", value: "v".repeat(257) }), "tags.0.value"],
    [tagged({ key: "a", value: "x" }, { key: "a", value: "y" }), "tags.1.key"],
    [tagged(...Array.from({ length: 51 }, (_, n) => ({ key: `k${n}`, value: "x" }))), "tags"],
    [{ waitSeconds: 301 }, "waitSeconds"],
    [{ waitSeconds: -1 }, "waitSeconds"],
    [{ instanceId: "" }, "instanceId"],
  ])("refuses %o", async (input, field) => {
    const { answer, records, operations } = await leftBy(app, () =>
      ask(dba, "createSnapshot", { instanceId: DEV, ...input }),
    );
    expect([answer.status, answer.code, answer.errors?.[0]?.extensions.field]).toEqual([400, "BAD_USER_INPUT", field]);
    expect(records).toMatchObject([{ action: "operation.refused", success: false }]);
    expect(operations).toBe(0);
  });
});

describe("production", () => {
  it.each([
    ["createSnapshot", { snapshotId: "never-made", waitSeconds: 5 }],
    ["rebootInstance", { waitSeconds: 5 }],
    ["rebootInstance", { forceFailover: true }],
    ["modifyBackupWindow", { backupWindow: "10:00-11:00", applyImmediately: true, waitSeconds: 5 }],
  ] as const)("refuses %s %j, for a DBA and an administrator alike", async (verb, input) => {
    const running = await startedAt(PROD);
    const before = await provider.describe(await idOf(provider, PROD));
    for (const who of ["dba", "admin"] as const) {
      const client = await app.as(who);
      for (const instanceId of [PROD, PROD.toUpperCase(), (await instanceOf(client, PROD, "id")).id]) {
        const left = await leftBy(app, () => ask(client, verb, { instanceId, ...input }));
        expect(left.answer.status).toBe(403);
        expect(left.answer.errors).toMatchObject([
          { message: PRODUCTION_MESSAGE, path: [verb], extensions: { code: "PRODUCTION_PROTECTED" } },
        ]);
        expect(left.records).toMatchObject([
          {
            action: "operation.refused",
            resource_type: "operation",
            success: false,
            actor: { email: EMAILS[who] },
            parameters: { instanceId },
            result: { code: "PRODUCTION_PROTECTED", message: PRODUCTION_MESSAGE },
          },
        ]);
        expect(left.events).toMatchObject([
          { event_type: "authz_fail", event_status: "FAILURE", metadata: { code: "PRODUCTION_PROTECTED" } },
        ]);
        expect([left.operations, left.snapshots]).toEqual([0, 0]);
      }
    }
    const id = await idOf(provider, PROD);
    expect(await provider.listSnapshots(id)).toEqual([]);
    expect(await provider.describe(id)).toEqual(before);
    expect(await startedAt(PROD)).toBe(running);
  });

  it("does not hold back what stands beside it in a request", async () => {
    const { data, errors, status } = await dba.run(
      `mutation {
        no: rebootInstance(input: { instanceId: "${PROD}" }) { operation { id } }
        yes: modifyBackupWindow(input: { instanceId: "${DEV}", backupWindow: "02:00-02:30", waitSeconds: 20 }) { operation { status } }
      }`,
    );
    expect(status).toBe(200);
    expect(errors).toMatchObject([{ path: ["no"], extensions: { code: "PRODUCTION_PROTECTED" } }]);
    expect(data).toEqual({ no: null, yes: { operation: { status: "SUCCEEDED" } } });
  });
});
