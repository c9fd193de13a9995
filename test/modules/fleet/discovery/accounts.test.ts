/** Many accounts in AWS: how often AWS is asked, what a run leaves, and what becomes of the others where one of them fails. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { AwsDouble } from "../../../../src/seed/aws-double/aws-double.js";
import { type Client, testApp } from "../../../support/app.js";
import { roleOf, startAws } from "../../../support/aws.js";
import { isDeep } from "../../../support/deep.js";
import { SOON } from "../../../support/soon.js";

const REGIONS = ["eu-central-1", "us-east-1"];
const ACCOUNTS = Array.from({ length: 10 }, (_, n) => String(100_000_000_001 + n)).map((accountId, n) => ({
  accountId,
  name: `account ${n}`,
  regions: REGIONS,
  ...(n > 0 && roleOf(accountId)),
}));
const [FIRST, DENIED, THROTTLED, CUT_OFF, HTML] = ACCOUNTS.map(({ accountId }) => accountId) as string[];
const [REGION, OTHER_REGION] = REGIONS as [string, string];

let aws: AwsDouble;
const app = testApp({}, async () => {
  const under = await startAws(ACCOUNTS);
  aws = under.aws;
  for (const { accountId } of ACCOUNTS) {
    for (const region of REGIONS) {
      // One scope has two pages, which another one makes up for: 2,000 in all.
      const count =
        region === REGION && accountId === CUT_OFF ? 150 : region === REGION && accountId === FIRST ? 50 : 100;
      for (let n = 0; n < count; n++) {
        aws.region(accountId!, region).addInstance({
          identifier: `shop-${n}`,
          tags: { Environment: n % 2 ? "test" : "staging", Owner: `team-${n % 5}` },
        });
      }
    }
  }
  return [{ ...under.open(), discovery: { everySeconds: 3600, snapshotsEverySeconds: 7200 } }];
});

let dba: Client;
beforeAll(async () => {
  dba = await app.as("dba");
  await discovered();
}, 120_000);
afterAll(() => aws.stop());

/** Waits for the run that is under way, which the start may have left. */
const discovered = () =>
  vi.waitFor(
    async () => {
      const open = await app.sql`select from discovery_runs where ended_at is null`;
      expect(open).toHaveLength(0);
    },
    { ...SOON, timeout: 60_000 },
  );

const RUN = `id provider requestedBy { kind email name } startedAt endedAt found new changed gone calls failedScopes
  scopes { accountId region found new changed gone calls error { code message } startedAt endedAt }`;

async function discover() {
  // The runs that have ended are so old that a request begins another one.
  await app.sql`update discovery_runs set ended_at = ended_at - interval '30 seconds'`;
  const { data, errors } = await dba.run(`mutation { discoverInstances { runs { id } } }`);
  expect(errors).toBeUndefined();
  await discovered();
  const [{ id }] = data.discoverInstances.runs;
  const answer = await dba.run(`query($id: ID!) { discoveryRun(id: $id) { ${RUN} } }`, { id });
  expect(answer.errors).toBeUndefined();
  return answer.data.discoveryRun;
}

const counted = (): Record<string, number> =>
  Object.fromEntries(
    [...Map.groupBy(aws.calls, ({ action }) => action)].map(([action, calls]) => [action, calls.length]),
  );

/** The version of every row of instances, which every write changes. */
const versions = async () =>
  (await app.sql`select md5(string_agg(id || ' ' || xmin, ',' order by id)) as versions from instances`)[0]?.versions;

it("finds 2,000 instances in 20 scopes: one call for each 100, and a page of them is one statement", async () => {
  const { data } = await dba.run(
    `{ discoveryRuns { nodes { ${RUN} } } scopes(first: 100, filter: { state: { eq: LISTED } }) { totalCount } instances { totalCount } }`,
  );
  const [run] = data.discoveryRuns.nodes;
  expect(run).toMatchObject({ found: 2000, new: 2000, changed: 0, gone: 0, failedScopes: 0, provider: "aws-rds" });
  expect(run.requestedBy).toEqual({ kind: "SYSTEM", email: null, name: "schedule" });
  expect(run.scopes).toHaveLength(20);
  expect([data.scopes.totalCount, data.instances.totalCount]).toEqual([20, 2000]);
  // 21 pages of instances, as one scope has two; the first account needs no role.
  const { AssumeRole, ...calls } = counted();
  expect(calls).toEqual({
    DescribeDBInstances: 21,
    DescribeDBClusters: 20,
    DescribeDBSnapshots: 20,
    DescribeDBClusterSnapshots: 20,
  });
  expect(run.calls).toBe(81);
  expect(AssumeRole).toBe(9);

  app.statements.length = 0;
  const page = await dba.run(
    `{ instances(first: 100, filter: { accountId: { eq: "${FIRST}" } }) { nodes { identifier lastSeenAt environment { environment } } } }`,
  );
  expect(page.data.instances.nodes).toHaveLength(100);
  expect(app.statements.filter((text) => text.includes("instances"))).toHaveLength(1);
});

it("a run without a change writes no instance, lists no snapshots, and is when all were last seen", async () => {
  const before = await versions();
  aws.forgetCalls();
  const run = await discover();
  expect(run).toMatchObject({ found: 2000, new: 0, changed: 0, gone: 0, calls: 41, failedScopes: 0 });
  expect(run.requestedBy).toMatchObject({ kind: "USER", email: expect.stringMatching(/dba/) });
  expect(counted()).toEqual({ DescribeDBInstances: 21, DescribeDBClusters: 20 });
  expect(await versions()).toBe(before);
  const { data } = await dba.run(
    `query($since: DateTime!) { instances(filter: { lastSeenAt: { gte: $since } }) { totalCount } }`,
    { since: run.startedAt },
  );
  expect(data.instances.totalCount).toBe(2000);
  const records = await app.sql`
    select actor ->> 'email' as email, result, success from audit_logs where action = 'discovery-run.request' and resource_id = ${run.id}`;
  expect(records).toMatchObject([
    { result: { runs: [{ id: run.id, provider: "aws-rds", joined: false }] }, success: true },
  ]);
});

/** The rows of the scopes that fail, with their versions. */
const ofFailing = () => app.sql`
  select id, xmin::text from instances where region = ${REGION}
    and account_id in (${DENIED!}, ${THROTTLED!}, ${CUT_OFF!}, ${HTML!}) order by id`;

it("of 20 scopes four fail in four ways: the others are right, and the four say why and keep what was known", async () => {
  for (const { accountId } of ACCOUNTS) aws.region(accountId, REGION).removeInstance("shop-7");
  aws.fault({ as: "deny", account: DENIED!, region: REGION });
  aws.fault({ as: "throttle", account: THROTTLED!, region: REGION, forMs: 60_000 });
  aws.fault({ as: "cut-off", bytes: 300, action: "DescribeDBInstances", account: CUT_OFF!, region: REGION, skip: 1 });
  aws.fault({ as: "html", account: HTML!, region: REGION });
  const before = await ofFailing();
  const run = await discover();
  expect(run).toMatchObject({ found: 1544, new: 0, changed: 0, gone: 6, failedScopes: 4 });
  const failed = Object.fromEntries(
    run.scopes.flatMap(({ accountId, error }: { accountId: string; error: { code: string } | null }) =>
      error ? [[accountId, error.code]] : [],
    ),
  );
  expect(failed).toEqual({
    [DENIED!]: "AccessDenied",
    [THROTTLED!]: "Throttled",
    [CUT_OFF!]: "CutOff",
    [HTML!]: "NotAnAnswer",
  });
  const after = await ofFailing();
  expect(after).toEqual(before);
  expect(after).toHaveLength(450);

  const { data } = await dba.run(`{
    scopes(filter: { state: { eq: FAILING } }, orderBy: { field: ACCOUNT_ID }) {
      nodes { accountId region state instanceCount lastSuccessAt lastError { code message } findings { nodes { kind severity subject resolvedAt } } }
    }
    findings(filter: { kind: { eq: "scope_not_listed" } }) { totalCount nodes { instance { id } scope { accountId } } }
    listed: scopes(filter: { state: { eq: LISTED } }) { totalCount }
    gone: instances(first: 100, filter: { gone: { eq: true } }) { totalCount nodes { identifier accountId changes { nodes { field before after } } } }
  }`);
  expect(data.listed.totalCount).toBe(16);
  expect(
    data.scopes.nodes.map(({ accountId, instanceCount }: { accountId: string; instanceCount: number }) => [
      accountId,
      instanceCount,
    ]),
  ).toEqual([
    [DENIED, 100],
    [THROTTLED, 100],
    [CUT_OFF, 150],
    [HTML, 100],
  ]);
  for (const { accountId, lastError, findings } of data.scopes.nodes) {
    expect(lastError).toMatchObject({ code: failed[accountId], message: expect.stringMatching(/\.$/) });
    expect(JSON.stringify(lastError)).not.toMatch(/AKIA|ASIA|<html|secret/i);
    expect(findings.nodes).toEqual([
      { kind: "scope_not_listed", severity: "WARNING", subject: `${accountId} in ${REGION}`, resolvedAt: null },
    ]);
  }
  expect(data.findings.nodes.map(({ instance }: { instance: object | null }) => instance)).toEqual([
    null,
    null,
    null,
    null,
  ]);
  expect(data.gone.totalCount).toBe(6);
  for (const { identifier, changes } of data.gone.nodes) {
    expect([identifier, changes.nodes]).toEqual(["shop-7", [{ field: "GONE", before: false, after: true }]]);
  }
});

it("once they answer again, they are right too, and the findings end", async () => {
  aws.endFaults();
  aws.clock.advance(61_000);
  const run = await discover();
  expect(run).toMatchObject({ found: 1990, gone: 4, failedScopes: 0 });
  const { data } = await dba.run(`{
    scopes(filter: { or: [{ state: { ne: LISTED } }, { failingSince: { isNull: false } }] }) { totalCount }
    findings(filter: { kind: { eq: "scope_not_listed" }, resolvedAt: { isNull: true } }) { totalCount }
  }`);
  expect([data.scopes.totalCount, data.findings.totalCount]).toEqual([0, 0]);
});

interface Candidate {
  readonly id: string;
  readonly arn: string;
  readonly accountId: string;
  readonly region: string;
}

it("an identifier in many places is refused with candidates; an id and an ARN are not", async () => {
  const { errors, data } = await dba.run(`{ instance(id: "shop-1") { id } viewer { role } }`);
  expect(data).toMatchObject({ instance: null, viewer: { role: "DBA" } });
  expect(errors).toMatchObject([{ path: ["instance"], extensions: { code: "BAD_USER_INPUT", field: "id" } }]);
  const candidates: Candidate[] = errors?.[0]?.extensions.candidates;
  expect(candidates).toHaveLength(10);
  const one = candidates[0]!;
  expect(one).toEqual({
    id: expect.stringMatching(/^\d+$/),
    identifier: "shop-1",
    arn: `arn:aws:rds:${one.region}:${one.accountId}:db:shop-1`,
    accountId: expect.stringMatching(/^\d{12}$/),
    region: expect.stringMatching(/^(eu|us)/),
  });
  for (const name of [one.id, one.arn]) {
    const found = await dba.run(`query($name: ID!) { instance(id: $name) { id } }`, { name });
    expect(found.data).toEqual({ instance: { id: one.id } });
  }
  const refused = await dba.run(`mutation { rebootInstance(input: { instanceId: "SHOP-1" }) { operation { id } } }`);
  expect(refused.errors).toMatchObject([
    { extensions: { code: "BAD_USER_INPUT", field: "instanceId", candidates: { length: 10 } } },
  ]);
  const viewer = await (await app.as("viewer")).run(
    `mutation { rebootInstance(input: { instanceId: "shop-1" }) { operation { id } } }`,
  );
  expect(viewer.code).toBe("FORBIDDEN");
  expect(JSON.stringify(viewer.errors)).not.toContain("candidates");
  const nobody = await app.anonymous.run(`{ instance(id: "shop-1") { id } }`);
  expect(nobody.code).toBe("UNAUTHENTICATED");
  expect(JSON.stringify(nobody.errors)).not.toContain("candidates");
});

it("renamed it stays itself, made anew it is another, and back after being gone it is the same", async () => {
  const region = aws.region(FIRST!, OTHER_REGION);
  const of = async (identifier: string) => {
    const { data } = await dba.run(
      `query($i: String!, $a: String!, $r: String!) {
        instances(filter: { identifier: { eq: $i }, accountId: { eq: $a }, region: { eq: $r } }, orderBy: { field: ID }) {
          nodes { id identifier gone changes { nodes { field before after } } } } }`,
      { i: identifier, a: FIRST, r: OTHER_REGION },
    );
    return data.instances.nodes;
  };
  const [[renamed], [replaced]] = await Promise.all([of("shop-20"), of("shop-21")]);
  region.renameInstance("shop-20", "store-20");
  region.replaceInstance("shop-21");
  region.change("shop-22", { engineVersion: "15.99", instanceClass: "db.r6g.large", retentionDays: 14 });
  region.retag("shop-23", { Environment: "production" });
  expect(await discover()).toMatchObject({ new: 1, changed: 3, gone: 1 });
  expect(await of("shop-20")).toEqual([]);
  expect(await of("store-20")).toEqual([
    {
      id: renamed.id,
      identifier: "store-20",
      gone: false,
      changes: { nodes: [{ field: "IDENTIFIER", before: "shop-20", after: "store-20" }] },
    },
  ]);
  const both = await of("shop-21");
  expect(both).toMatchObject([
    { id: replaced.id, gone: true },
    { gone: false, changes: { nodes: [] } },
  ]);
  const [changed] = await of("shop-22");
  expect(
    changed.changes.nodes.map(({ field, after }: { field: string; after: unknown }) => [field, after]).sort(),
  ).toEqual([
    ["BACKUP_RETENTION_DAYS", 14],
    ["ENGINE_VERSION", "15.99"],
    ["INSTANCE_CLASS", "db.r6g.large"],
  ]);
  const [turned] = await of("shop-23");
  const environment = turned.changes.nodes.find(({ field }: { field: string }) => field === "ENVIRONMENT");
  expect([environment.before.environment, environment.after.environment]).toEqual(["TEST", "PRODUCTION"]);
  expect([environment.before.evidence.length, environment.after.evidence.length]).toEqual([5, 5]);
  const records = await app.sql`
    select actor, result from audit_logs where action = 'instance.changeEnvironment' and resource_id = ${turned.id}`;
  expect(records).toMatchObject([
    { actor: { type: "system", name: "inventory" }, result: { from: "TEST", environment: "PRODUCTION" } },
  ]);
});

it("an instance that is renamed towards the front while it is listed is not gone", async () => {
  // A scope of two pages: the second is held, and its instance moves to the first.
  const region = aws.region(CUT_OFF!, REGION);
  const isSecondPage = ({ parameters }: { parameters: object }) => "Marker" in parameters;
  const hold = aws.fault({
    ...{ as: "delay", action: "DescribeDBInstances", account: CUT_OFF!, region: REGION, times: 1 },
    when: isSecondPage,
  });
  const run = discover();
  await vi.waitFor(() => expect(hold.hits).toBe(1), SOON);
  region.renameInstance("shop-97", "front");
  region.removeInstance("shop-98");
  hold.end();
  const ofScope = ({ accountId, region }: { accountId: string; region: string }) =>
    accountId === CUT_OFF && region === REGION;
  // Two pages, one of clusters, and one call for both that were not listed.
  expect((await run).scopes.find(ofScope)).toMatchObject({ found: 148, new: 0, changed: 1, gone: 1, calls: 4 });
  const { data } = await dba.run(`{
    instances(filter: { accountId: { eq: "${CUT_OFF}" }, region: { eq: "${REGION}" }, identifier: { in: ["front", "shop-98"] } }, orderBy: { field: IDENTIFIER }) {
      nodes { identifier gone changes { nodes { field before after } } } } }`);
  expect(data.instances.nodes).toEqual([
    {
      identifier: "front",
      gone: false,
      changes: { nodes: [{ field: "IDENTIFIER", before: "shop-97", after: "front" }] },
    },
    { identifier: "shop-98", gone: true, changes: { nodes: [{ field: "GONE", before: false, after: true }] } },
  ]);
});

it("another order of tags is no change", async () => {
  const region = aws.region(FIRST!, OTHER_REGION);
  region.retag("shop-30", { Owner: "team-0", Environment: "staging" });
  const before = await versions();
  expect(await discover()).toMatchObject({ new: 0, changed: 0, gone: 0 });
  expect(await versions()).toBe(before);
});

it("a member that joins a production cluster counts as production, and says so", async () => {
  const region = aws.region(FIRST!, OTHER_REGION);
  region.addCluster({
    identifier: "ledger",
    tags: { Environment: "production" },
    members: [{ identifier: "ledger-1", engine: "aurora-postgresql" }],
  });
  region.addInstance({ identifier: "helper", engine: "aurora-postgresql", tags: { Environment: "test" } });
  await discover();
  const helper = async () =>
    (
      await dba.run(`{ instances(filter: { identifier: { eq: "helper" } }) { nodes {
        id cluster operable environment { environment } changes { nodes { field before after } } } } }`)
    ).data.instances.nodes[0];
  expect(await helper()).toMatchObject({ cluster: null, operable: true, environment: { environment: "TEST" } });
  region.joinCluster("helper", "ledger");
  await discover();
  const joined = await helper();
  expect(joined).toMatchObject({ cluster: "ledger", operable: false, environment: { environment: "PRODUCTION" } });
  const fields = joined.changes.nodes.map(({ field }: { field: string }) => field);
  expect(fields).toEqual(expect.arrayContaining(["CLUSTER", "ENVIRONMENT"]));
});

it("filters, groups and counts go by the same", async () => {
  const { data, errors } = await dba.run(`{
    owned: instances(filter: { tags: { contains: [{ key: "Owner", value: "team-3" }] } }) { totalCount }
    keyed: instances(filter: { tags: { contains: [{ key: "Owner" }] }, gone: { eq: false } }) { totalCount }
    staging: instances(filter: { environment: { eq: STAGING }, operable: { eq: true }, accountId: { eq: "${DENIED}" }, region: { eq: "${REGION}" } }) {
      totalCount groups(by: [{ field: ENVIRONMENT }, { field: OPERABLE }]) { key { environment operable } aggregate { count } }
    }
    text: instances(filter: { identifier: { contains: "hop-99" }, engine: { eq: "postgres" }, status: { eq: "available" }, provider: { eq: "aws-rds" } }) { totalCount }
    classed: instances(filter: { instanceClass: { eq: "db.r6g.large" }, engineVersion: { startsWith: "15." } }) { totalCount }
    failing: instances(filter: { scope: { state: { eq: FAILING } } }) { totalCount }
  }`);
  expect(errors).toBeUndefined();
  expect(data).toMatchObject({
    owned: { totalCount: 399 },
    staging: {
      totalCount: 50,
      groups: [{ key: { environment: "STAGING", operable: true }, aggregate: { count: 50 } }],
    },
    text: { totalCount: 19 },
    classed: { totalCount: 1 },
    failing: { totalCount: 0 },
  });
});

it.runIf(isDeep)(
  "ten more runs over 2,000 instances keep nothing: not one listing of the ten",
  async () => {
    setFlagsFromString("--expose-gc");
    const collect: () => void = runInNewContext("gc");
    const heldAfter = async (runs: number) => {
      for (let n = 0; n < runs; n++) {
        expect(await discover()).toMatchObject({ changed: 0, failedScopes: 0 });
        // What the test itself keeps of a run.
        aws.forgetCalls();
        app.statements.length = 0;
        app.log.length = 0;
      }
      await new Promise((resolve) => setImmediate(resolve));
      collect();
      return process.memoryUsage().heapUsed;
    };
    const before = await heldAfter(3);
    const listing = await app.sql`select * from instances`;
    collect();
    const size = process.memoryUsage().heapUsed - before;
    expect(listing.length).toBeGreaterThan(1990);
    listing.length = 0;
    const grown = (await heldAfter(10)) - before;
    expect(grown).toBeLessThan(5 * size);
  },
  300_000,
);
