/** Operations on real clusters, asked for over HTTP: the answer, the rows, the records, and what PostgreSQL says of it. */

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { chooseFolder } from "../../../../src/postgres/folder.js";
import { databaseUser } from "../../../../src/postgres/os-user.js";
import { findPostmaster } from "../../../../src/postgres/postmaster.js";
import type { LocalProvider } from "../../../../src/providers/local.js";
import { OPERATION_TYPES } from "../../../../src/values/operations/declarations.js";
import { type Client, EMAILS, testApp } from "../../../support/app.js";
import {
  accepted,
  ask,
  ENVIRONMENT,
  hasten,
  instanceOf,
  leftBy,
  operationOf,
  recordsOf,
} from "../../../support/fleet-app.js";
import {
  idOf,
  NEW,
  operate,
  query,
  restoreOf,
  untilStreaming,
  useGround,
  writablePorts,
} from "../../../support/ground.js";
import { eventually, processesIn } from "../../../support/sandbox.js";
import { polling } from "../../../support/scripted-provider.js";

const [DEV, TEST, PROD, FULL] = ["dev-postgres-01", "test-postgres-01", "prod-postgres-01", "dev-full-01"];
const PRODUCTION_MESSAGE = "Operations not allowed on production instances. Please create a CloudOps request.";
const ROWS = 5000;

const ground = useGround();
let provider: LocalProvider;
/** On a disk that is full. */
let full: LocalProvider;
let dba: Client;

afterAll(async () => {
  await Promise.all([provider, full].map((one) => one?.stopAll()));
  expect(await processesIn(ground.path), "processes left behind").toEqual([]);
});

const app = testApp(polling({ local: 600, "local-full": 600 }), async () => {
  provider = await ground.open({ limits: { answerTimeoutMs: 1_000 } });
  const folder = (await chooseFolder(ground.path, "full", await databaseUser())).path;
  full = await ground.open({ folder, limits: { minFreeBytes: Number.MAX_SAFE_INTEGER } });
  const wanted = (identifier: string, environment: string, standby = false) => ({
    ...NEW,
    identifier,
    tags: [{ key: "Environment", value: environment }],
    // None are taken by themselves.
    backupRetentionDays: 0,
    standby,
  });
  await Promise.all([
    provider.create(wanted(TEST, "Test", true)),
    provider.create(wanted(DEV, "Development")),
    provider.create(wanted(PROD, "Production")),
    full.create(wanted(FULL, "Development")),
  ]);
  await query(provider, DEV, (sql) => sql`create table notes as select n from generate_series(1, ${ROWS}::int) as n`);
  await query(provider, TEST, (sql) => sql`create table notes (n int)`);
  // Broken ones stay broken until a test repairs them.
  const upkeep = async () => undefined;
  return [
    { ...provider, upkeep },
    { ...full, upkeep, name: "local-full" },
  ];
});

beforeAll(async () => {
  dba = await app.as("dba");
});

const count = async (identifier: string): Promise<number> =>
  (await query(provider, identifier, (sql) => sql`select count(*)::int as n from notes`))[0]?.n;
const startedAt = async (identifier: string, from = provider): Promise<string> =>
  (await query(from, identifier, (sql) => sql`select pg_postmaster_start_time()::text as at`))[0]?.at;
const postmasterOf = async (identifier: string, member: string): Promise<number> => {
  const data = join(ground.path, "fleet/instances", await idOf(provider, identifier), "members", member, "data");
  return (await findPostmaster(data))!.pid;
};
const isReady = async () => (await fetch(`${app.url}/health/ready`)).status === 200;

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
        ? { ...each, allowed: false, reason: "This instance is available. Try again when it is stopped." }
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

describe("modifyBackupWindow", () => {
  const windows = () => instanceOf(dba, DEV, "backupWindow pendingBackupWindow maintenanceWindow");
  const modify = (input: object) => accepted(dba, "modifyBackupWindow", { instanceId: DEV, waitSeconds: 20, ...input });

  it("waits for the maintenance window, or is there at once; it may pass midnight", async () => {
    const maintenanceWindow = "sun:05:00-sun:06:00";
    const pending = await modify({ backupWindow: "23:45-00:15" });
    expect(pending).toMatchObject({
      status: "SUCCEEDED",
      result: { backupWindow: "02:00-02:30", pendingBackupWindow: "23:45-00:15" },
    });
    expect(await windows()).toEqual({
      backupWindow: "02:00-02:30",
      pendingBackupWindow: "23:45-00:15",
      maintenanceWindow,
    });
    const applied = await modify({ backupWindow: "23:45-00:15", applyImmediately: true });
    expect(applied).toMatchObject({
      status: "SUCCEEDED",
      result: { backupWindow: "23:45-00:15", pendingBackupWindow: null },
    });
    expect(await windows()).toEqual({ backupWindow: "23:45-00:15", pendingBackupWindow: null, maintenanceWindow });
    expect((await recordsOf(app, applied.id)).map(({ action }) => action)).toEqual([
      "operation.requested",
      "operation.ended",
    ]);
    expect(await provider.describe(await idOf(provider, DEV))).toMatchObject({ backupWindow: "23:45-00:15" });
  });

  it("takes one that only touches the maintenance window, and warns", async () => {
    const { status, parameters } = await modify({ backupWindow: "04:30-05:00" });
    expect(status).toBe("SUCCEEDED");
    expect(parameters.warnings).toEqual([expect.stringMatching(/touches the maintenance window/)]);
  });

  it.each([
    ...[
      "25:00-26:00",
      "03:00-03:29",
      "3:00-4:00",
      "03:00-03:00",
      "03:00",
      "",
      "٠٣:٠٠-٠٤:٠٠",
      "０３:００-０４:００",
      "03:00-04:00\n",
    ],
    ...[" 03:00-04:00", "03:00-04:00Z", "03:60-04:30", "24:00-00:30", "sun:03:00-sun:04:00", "03:00–04:00"],
    // These overlap.
    ...["05:00-06:00", "04:31-05:01", "05:59-06:29", "05:15-05:45", "23:00-22:30", "04:00-07:00"],
  ])("refuses %j", async (backupWindow) => {
    const before = await windows();
    const left = await leftBy(app, () => ask(dba, "modifyBackupWindow", { instanceId: DEV, backupWindow }));
    expect([left.answer.status, left.answer.code]).toEqual([400, "BAD_USER_INPUT"]);
    expect(left.answer.errors?.[0]?.extensions.field).toBe("backupWindow");
    expect(left.records).toMatchObject([{ action: "operation.refused" }]);
    expect(left.operations).toBe(0);
    expect(await windows()).toEqual(before);
  });
});

describe("rebootInstance", () => {
  it("starts the server anew, and tells how long it was away", async () => {
    const [before, rows] = [await startedAt(DEV), await count(DEV)];
    const operation = await accepted(dba, "rebootInstance", { instanceId: DEV, waitSeconds: 30 });
    expect(operation).toMatchObject({
      status: "SUCCEEDED",
      parameters: { forceFailover: false },
      result: { failedOver: false, primary: `${DEV}-a` },
      snapshot: null,
    });
    expect(operation.result.awaySeconds).toBeGreaterThan(0);
    expect(operation.result.awaySeconds).toBeLessThan(operation.durationSeconds);
    expect(await startedAt(DEV)).not.toBe(before);
    expect(await count(DEV)).toBe(rows);
    expect(await recordsOf(app, operation.id)).toMatchObject([
      { action: "operation.requested", parameters: { type: "REBOOT_INSTANCE", identifier: DEV } },
      { action: "operation.ended", result: { status: "SUCCEEDED", result: operation.result } },
    ]);
    expect(await instanceOf(dba, DEV, "status")).toEqual({ status: "available" });
  });

  it("fails over: every row stays, the roles swap, and the standby streams again", async () => {
    await query(provider, TEST, (sql) => sql`insert into notes select generate_series(1, 1234)`);
    const before = await instanceOf(dba, TEST, "endpoint { port } members { name role endpoint { port } }");
    const operation = await accepted(dba, "rebootInstance", { instanceId: TEST, forceFailover: true, waitSeconds: 60 });
    expect(operation).toMatchObject({
      status: "SUCCEEDED",
      result: { failedOver: true, primary: `${TEST}-b`, awaySeconds: expect.any(Number) },
    });
    expect(await count(TEST)).toBe(1234);
    const after = await instanceOf(dba, TEST, "endpoint { port } members { name role }");
    expect(after.members).toEqual([
      { name: `${TEST}-a`, role: "STANDBY" },
      { name: `${TEST}-b`, role: "PRIMARY" },
    ]);
    expect(after.endpoint).toEqual(before.members[1].endpoint);
    await untilStreaming(provider, TEST);
    expect(await writablePorts(provider, TEST)).toEqual([after.endpoint.port]);
  });

  it("loses no replication slot by a failover unless that is accepted", async () => {
    await query(provider, TEST, (sql) => sql`select pg_create_physical_replication_slot('reports')`);
    const running = await startedAt(TEST);
    const wanted = { instanceId: TEST, forceFailover: true, waitSeconds: 60 };
    const refused = await accepted(dba, "rebootInstance", wanted);
    expect(refused).toMatchObject({ status: "FAILED", error: { code: "ReplicationSlotLoss" } });
    expect(refused.error.message).toMatch(/reports \(physical\).*acceptSlotLoss: true/);
    expect(refused.error.guidance).toMatch(/acceptSlotLoss: true; or drop the slots/);
    expect(await startedAt(TEST)).toBe(running);
    const done = await accepted(dba, "rebootInstance", { ...wanted, acceptSlotLoss: true });
    expect(done).toMatchObject({
      status: "SUCCEEDED",
      parameters: { forceFailover: true, acceptSlotLoss: true },
      result: { primary: `${TEST}-a`, lostSlots: ["reports"], notCarried: [] },
    });
    await untilStreaming(provider, TEST);
  });

  it("does not fail over where there is no standby", async () => {
    const running = await startedAt(DEV);
    const left = await leftBy(app, () => ask(dba, "rebootInstance", { instanceId: DEV, forceFailover: true }));
    expect([left.answer.status, left.answer.code]).toEqual([409, "FAILED_PRECONDITION"]);
    expect(left.answer.errors?.[0]).toMatchObject({
      message: "This instance has no standby to fail over to. Reboot without forceFailover.",
      extensions: { state: "no standby" },
    });
    expect(left.records).toMatchObject([{ action: "operation.refused" }]);
    expect(left.operations).toBe(0);
    expect(await startedAt(DEV)).toBe(running);
  });
});

it("ten at once on three instances all end, one at a time on each, in the order in which they came", async () => {
  const asked = [
    ...[DEV, TEST].flatMap((instanceId, n) => [
      ask(dba, "createSnapshot", { instanceId, snapshotId: `ten-${n}`, waitSeconds: 60 }),
      ask(dba, "modifyBackupWindow", {
        instanceId,
        backupWindow: "10:00-11:00",
        applyImmediately: true,
        waitSeconds: 60,
      }),
      ask(dba, "rebootInstance", { instanceId, waitSeconds: 60 }),
      ask(dba, "createSnapshot", { instanceId, waitSeconds: 60 }),
    ]),
    ask(dba, "rebootInstance", { instanceId: FULL, waitSeconds: 60 }),
    ask(dba, "modifyBackupWindow", { instanceId: FULL, backupWindow: "10:00-11:00", waitSeconds: 60 }),
  ];
  const answers = await Promise.all(asked);
  expect(answers.map(({ errors }) => errors)).toEqual(asked.map(() => undefined));
  const operations = answers.map(
    ({ data }) => Object.values<{ operation: Record<string, string> }>(data)[0]!.operation,
  );
  expect(operations.map(({ status, error }) => [status, error])).toEqual(asked.map(() => ["SUCCEEDED", null]));
  const ids = operations.map(({ id }) => String(id));
  const rows = await app.sql`
    select started_at >= lag(ended_at) over (partition by instance_id order by id) as after
    from operations where id::text in ${app.sql(ids)} order by id`;
  expect(rows.filter(({ after }) => after === null)).toHaveLength(3);
  expect(rows.filter(({ after }) => after === true)).toHaveLength(7);
  for (const id of ids) {
    expect((await recordsOf(app, id)).map(({ action }) => action)).toEqual(["operation.requested", "operation.ended"]);
  }
});

describe("what goes wrong at the provider is data", () => {
  async function fails(verb: "createSnapshot" | "rebootInstance", input: object, code: string, message: RegExp) {
    const operation = await accepted(dba, verb, { waitSeconds: 60, ...input });
    expect(operation).toMatchObject({
      status: "FAILED",
      success: false,
      snapshot: null,
      error: { code, message: expect.stringMatching(message), guidance: expect.stringMatching(/request it again/) },
    });
    expect(await recordsOf(app, operation.id)).toMatchObject([
      { action: "operation.requested", success: true },
      { action: "operation.ended", success: false, result: { status: "FAILED", error: { code } } },
    ]);
    expect(await isReady()).toBe(true);
    return operation;
  }

  it("a disk that is full", async () => {
    await fails(
      "createSnapshot",
      { instanceId: FULL, snapshotId: "too-large" },
      "StorageFull",
      /free disk space are needed/,
    );
    expect(await full.listSnapshots(await idOf(full, FULL))).toEqual([]);
    // What was not made does not hold its name.
    const again = await accepted(dba, "createSnapshot", { instanceId: DEV, snapshotId: "too-large", waitSeconds: 30 });
    expect(again.status).toBe("SUCCEEDED");
  });

  it("a server that does not answer", async () => {
    const pid = await postmasterOf(DEV, "a");
    process.kill(pid, "SIGSTOP");
    onTestFinished(() => void process.kill(pid, "SIGCONT"));
    await fails(
      "createSnapshot",
      { instanceId: DEV, snapshotId: "of-a-frozen-one" },
      "InvalidDBInstanceState",
      /does not answer/,
    );
    const { status, availableOperations } = await instanceOf(
      dba,
      DEV,
      "status availableOperations { type allowed reason }",
    );
    expect(status).toBe("failed");
    expect(availableOperations[0]).toMatchObject({ allowed: false, reason: expect.stringMatching(/is failed/) });
    const refused = await ask(dba, "createSnapshot", { instanceId: DEV });
    expect([refused.code, refused.errors?.[0]?.extensions.state]).toEqual(["FAILED_PRECONDITION", "failed"]);
    process.kill(pid, "SIGCONT");
    await hasten(app, "inventory-local");
    expect(await instanceOf(dba, DEV, "status")).toEqual({ status: "available" });
    expect(await accepted(dba, "createSnapshot", { instanceId: DEV, waitSeconds: 30 })).toMatchObject({
      success: true,
    });
  });

  it("a standby that is down", async () => {
    await untilStreaming(provider, TEST);
    const members = await instanceOf(dba, TEST, "members { name role }");
    const standby = members.members.find(({ role }: { role: string }) => role === "STANDBY").name.at(-1);
    process.kill(await postmasterOf(TEST, standby), "SIGKILL");
    const running = await startedAt(TEST);
    await fails("rebootInstance", { instanceId: TEST, forceFailover: true }, "StandbyUnavailable", /cannot take over/);
    expect(await startedAt(TEST)).toBe(running);
    expect(await count(TEST)).toBe(1234);
    await eventually(async () => {
      await provider.repair();
      return provider
        .describe(await idOf(provider, TEST))
        .then((seen) => seen?.members.every((member) => member.endpoint));
    }, 20_000);
    await untilStreaming(provider, TEST);
  });

  it("a server that was killed: a reboot brings it back", async () => {
    process.kill(await postmasterOf(DEV, "a"), "SIGKILL");
    const operation = await accepted(dba, "rebootInstance", { instanceId: DEV, waitSeconds: 30 });
    expect(operation).toMatchObject({ status: "SUCCEEDED" });
    expect(await operationOf(dba, operation.id)).toEqual(operation);
    expect(await count(DEV)).toBe(ROWS + 77);
  });
});
