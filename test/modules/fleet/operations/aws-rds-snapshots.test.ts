/** Snapshots and restores of RDS through the API, and that no secret is anywhere. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Client, PASSWORD } from "../../../support/app.js";
import { EXTERNAL_ID, OTHER_ACCOUNT, type UnderAws } from "../../../support/aws.js";
import { TEST, useAwsFleet } from "../../../support/aws-fleet.js";
import { accepted, ask, hasten, instanceOf, leftBy, operationOf } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";

const { here, app, request, actionsOf, opened } = useAwsFleet(600);
let under: UnderAws;
let dba: Client;
beforeAll(() => {
  ({ under, dba } = opened());
});

it("the snapshots of a cluster outlive the member that they were listed under", async () => {
  here().addCluster({
    identifier: "fair",
    tags: TEST,
    members: ["fair-1", "fair-2"].map((identifier) => ({ identifier })),
  });
  await hasten(app, "inventory-aws-rds");
  const { snapshot } = await request("createSnapshot", { instanceId: "fair-1" });
  here().removeInstance("fair-1");
  await hasten(app, "operated-aws-rds");
  expect(await app.sql`select status from snapshots where id = ${snapshot.id}`).toEqual([{ status: "available" }]);
  // Then nobody knows any more whose they are.
  for (const last of [[], ["fair-2"]]) {
    for (const identifier of last) here().removeInstance(identifier);
    await app.sql`update scopes set snapshots_listed_at = null`;
    await hasten(app, "inventory-aws-rds");
    expect(await app.sql`select status from snapshots where id = ${snapshot.id}`).toEqual([{ status: "available" }]);
  }
}, 40_000);

it("a snapshot is deleted by its instance, also when that is gone; AWS's automated ones are refused", async () => {
  here().addInstance({ identifier: "brief-1", tags: TEST, retentionDays: 0 });
  await hasten(app, "inventory-aws-rds");
  const { id } = await instanceOf(dba, "brief-1", "id");
  const names = ["stays", "goes", "outlives"];
  for (const snapshotId of names) await request("createSnapshot", { instanceId: id, snapshotId });
  const snapshotId = "rds:brief-1-2026-01-01-03-00";
  const createdAt = under.aws.clock.now().getTime();
  here().addSnapshot({ identifier: snapshotId, source: "brief-1", type: "automated", createdAt });
  await app.sql`update scopes set snapshots_listed_at = null`;
  await hasten(app, "inventory-aws-rds");
  const automated = await leftBy(app, () => ask(dba, "deleteSnapshot", { instanceId: id, snapshotId }));
  expect([automated.answer.code, automated.answer.errors?.[0]?.extensions.state, automated.operations]).toEqual([
    ...["FAILED_PRECONDITION", "automated"],
    0,
  ]);
  under.aws.forgetCalls();
  const operation = await request("deleteSnapshot", { instanceId: id, snapshotId: "GOES" });
  expect(operation).toMatchObject({ status: "SUCCEEDED", resourceStatus: "deleted", result: { snapshotId: "goes" } });
  expect(await actionsOf(operation.id)).toEqual(["operation.requested", "operation.ended"]);
  here().removeInstance("brief-1");
  await hasten(app, "inventory-aws-rds");
  await request("deleteSnapshot", { instanceId: id, snapshotId: "outlives" });
  expect(under.aws.done("DeleteDBSnapshot")).toBe(2);
  expect(
    here()
      .look()
      .snapshots.map(({ identifier }) => identifier),
  ).toContain("stays");
  expect(
    await app.sql`select identifier, status from snapshots where identifier in ${app.sql(names)} order by identifier`,
  ).toEqual([
    { identifier: "goes", status: "deleted" },
    { identifier: "outlives", status: "deleted" },
    { identifier: "stays", status: "available" },
  ]);
}, 60_000);

it("a snapshot is restored as an instance that is in the inventory at once, as protected as its source", async () => {
  here().addInstance({ identifier: "origin-1", tags: { Environment: "Staging", Owner: "me" }, retentionDays: 0 });
  await hasten(app, "inventory-aws-rds");
  const { id } = await instanceOf(dba, "origin-1", "id");
  await request("createSnapshot", { instanceId: id, snapshotId: "of-origin" });
  const restore = (identifier: string) => ({ instanceId: id, snapshotId: "OF-origin", identifier });
  const operation = await request("restoreSnapshot", restore("Copy-1"));
  expect(operation).toMatchObject({ status: "SUCCEEDED", result: { identifier: "copy-1" } });
  expect(await actionsOf(operation.id)).toEqual(["operation.requested", "operation.ended"]);
  const fields = "status environment { environment } tags { key value }";
  // What was restored is refreshed after the end.
  const copy = await eventually(async () => {
    const seen = await instanceOf(dba, "copy-1", fields);
    return seen?.status === "available" && seen;
  }, 20_000);
  expect(copy.environment).toEqual({ environment: "STAGING" });
  expect(copy.tags).toEqual([
    { key: "Environment", value: "Staging" },
    { key: "Owner", value: "me" },
    { key: "postern:operation", value: operation.id },
  ]);
  expect((await ask(dba, "restoreSnapshot", restore("COPY-1"))).code).toBe("CONFLICT");
  // In another account the name is free.
  expect(await request("restoreSnapshot", restore("twin-2"))).toMatchObject({ status: "SUCCEEDED" });

  here().removeInstance("origin-1");
  await hasten(app, "inventory-aws-rds");
  expect(await request("restoreSnapshot", restore("copy-2"))).toMatchObject({ status: "SUCCEEDED" });
}, 60_000);

it("a cluster's snapshot is restored as a cluster with an instance, each with the tags", async () => {
  await request("createSnapshot", { instanceId: "apart-1", snapshotId: "of-apart" });
  under.aws.forgetCalls();
  const asked = { instanceId: "apart-1", snapshotId: "of-apart", identifier: "apart-copy" };
  const { id } = await accepted(dba, "restoreSnapshot", asked);
  // Each of the two is made for minutes.
  const operation = await eventually(async () => {
    under.aws.clock.advance(120_000);
    const now = await operationOf(dba, id);
    return now.endedAt !== null && now;
  }, 20_000);
  expect(operation).toMatchObject({ status: "SUCCEEDED", result: { identifier: "apart-copy" } });
  for (const action of ["RestoreDBClusterFromSnapshot", "CreateDBInstance"]) expect(under.aws.done(action)).toBe(1);
  const cluster = here()
    .look()
    .clusters.find(({ identifier }) => identifier === "apart-copy-cluster");
  expect(cluster?.tags).toContainEqual({ key: "Environment", value: "Test" });
  const copy = await eventually(() => instanceOf(dba, "apart-copy", "cluster environment { environment }"));
  expect(copy).toEqual({ cluster: "apart-copy-cluster", environment: { environment: "TEST" } });
}, 60_000);

it("a cluster that is restored while its source becomes production is that, whichever members it has later", async () => {
  const asked = { instanceId: "apart-1", snapshotId: "of-apart", identifier: "apart-held" };
  const { id } = await accepted(dba, "restoreSnapshot", asked);
  // Its member is the last that is asked for.
  await eventually(() => {
    under.aws.clock.advance(60_000);
    const { instances } = here().look();
    return instances.some(({ identifier }) => identifier === "apart-held");
  }, 20_000);
  here().retag("apart", { Environment: "Production" }, "db-cluster");
  const operation = await eventually(async () => {
    under.aws.clock.advance(120_000);
    const now = await operationOf(dba, id);
    return now.endedAt !== null && now;
  }, 20_000);
  expect(operation).toMatchObject({ status: "SUCCEEDED" });
  here().retag("apart", TEST, "db-cluster");
  const fields = "id environment { environment decidedBy }";
  const first = await eventually(() => instanceOf(dba, "apart-held", fields));
  expect(first.environment).toEqual({ environment: "PRODUCTION", decidedBy: "ORIGIN" });
  here().addInstance({ identifier: "apart-next", tags: TEST });
  here().joinCluster("apart-next", "apart-held-cluster");
  here().removeInstance("apart-held");
  await hasten(app, "inventory-aws-rds");
  const next = await instanceOf(dba, "apart-next", fields);
  expect(next.environment).toEqual(first.environment);
  expect((await ask(dba, "rebootInstance", { instanceId: "apart-next" })).code).toBe("PRODUCTION_PROTECTED");
}, 60_000);

/** The session tokens that the double was asked with. */
const tokens = new Set<string>();
const hear = (message: unknown) => {
  const { headers } = (message as { request: IncomingMessage }).request;
  if (headers["x-amz-security-token"]) tokens.add(String(headers["x-amz-security-token"]));
};

subscribe("http.server.request.start", hear);

afterAll(() => unsubscribe("http.server.request.start", hear));

it("no secret is in the database, the log or an answer, not even where AWS repeats it in its errors", async () => {
  const { accessKeyId, secretAccessKey } = under.aws.credentials;
  const plantedNow = (...also: string[]) =>
    [accessKeyId, secretAccessKey, EXTERNAL_ID, ...also].flatMap((secret) => [secret, encodeURIComponent(secret)]);
  /** With the token of the call that is refused. */
  const refuse = (...action: string[]) =>
    under.aws.fault({
      ...({ as: "refuse", code: "SignatureDoesNotMatch", status: 403, account: OTHER_ACCOUNT } as const),
      action,
      get message() {
        return `The signature does not match: ${plantedNow([...tokens].at(-1)!).join(" and ")}.`;
      },
    });
  refuse("RebootDBInstance");
  const operation = await request("rebootInstance", { instanceId: "echo-1" });
  expect(operation.error.message).toMatch(/does not match: \(a (secret|key)\) and/);
  under.aws.endFaults();
  const action = "RebootDBInstance";
  under.aws.fault({ as: "refuse", code: `Is${secretAccessKey}`, status: 403, account: OTHER_ACCOUNT, action });
  expect((await request("rebootInstance", { instanceId: "echo-1" })).error.code).toBe("UnknownError");
  refuse("DescribeDBInstances", "DescribeDBClusters");
  await hasten(app, "inventory-aws-rds");
  under.aws.endFaults();

  const admin = await app.as("admin");
  const answers = await Promise.all(
    [
      "scopes(first: 100) { nodes { lastError { code message } } }",
      "discoveryRuns(first: 100) { nodes { id scopes { error { code message } } } }",
      "findings(first: 100) { nodes { kind detail } }",
      "operations(first: 100) { nodes { parameters result error { message guidance } progress { message } settlement } }",
      "auditLogs(first: 100) { nodes { action parameters result } }",
      "securityEvents(first: 100) { nodes { eventType metadata } }",
    ].map((field) => admin.run(`{ ${field} }`)),
  );
  for (const { errors } of answers) expect(errors).toBeUndefined();
  const tables = await app.sql`
    select format('%I.%I', schemaname, relname) as name from pg_stat_user_tables where schemaname in ('public', 'pgboss')`;
  let rows = "";
  for (const { name } of tables)
    rows += JSON.stringify(await app.sql.unsafe(`select * from ${name}`), (_key, value) =>
      typeof value === "bigint" ? String(value) : value,
    );
  const places = { answers: JSON.stringify(answers), rows, log: under.lines.join("") + JSON.stringify(app.log) };
  for (const place of [places.answers, rows]) expect(place).toContain("The signature does not match: (a ");
  expect(rows).toContain("postern:operation");
  for (const [place, text] of Object.entries(places))
    for (const secret of [...plantedNow(...tokens), PASSWORD, "ASIA", "X-Amz-"])
      expect(text, place).not.toContain(secret);
});
