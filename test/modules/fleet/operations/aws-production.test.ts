/** Production is refused on RDS however it is known: at the door, in the transaction that accepts, and by the worker; AWS is asked for nothing. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Client, testApp } from "../../../support/app.js";
import { ACCOUNT, REGION, startAws, type UnderAws } from "../../../support/aws.js";
import { isDeep } from "../../../support/deep.js";
import { ask, hasten, instanceOf, leftBy, operationOf, recordsOf } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { polling } from "../../../support/scripted-provider.js";

const TEST = { Environment: "Test" };
const PRODUCTION = { Environment: "Production" };
const VERBS = [
  ["createSnapshot", {}],
  ["rebootInstance", {}],
  ["modifyBackupWindow", { backupWindow: "09:00-09:30" }],
  ["stopInstance", {}],
] as const;

let under: UnderAws;
let dba: Client;
let admin: Client;
const here = () => under.aws.region(ACCOUNT, REGION);
/** @returns the members of a cluster of two, each with its tags */
const members = (name: string, tags: Record<string, string>, others = tags) => [
  { identifier: `${name}-1`, tags },
  { identifier: `${name}-2`, tags: others },
];

/** What can become production, each in one way, and how that comes about. */
const TURNS = {
  "a tag": { instance: "by-tag", turn: async () => here().retag("by-tag", PRODUCTION) },
  "a mapping": { instance: "by-mapping", turn: () => map("by-mapping") },
  "a conflict of tags": {
    instance: "by-conflict",
    turn: async () => here().retag("by-conflict", { ...TEST, Stage: "Production" }),
  },
  "the cluster's tag": {
    instance: "by-cluster-1",
    turn: async () => here().retag("by-cluster", PRODUCTION, "db-cluster"),
  },
  "a sibling's tag": { instance: "by-sibling-1", turn: async () => here().retag("by-sibling-2", PRODUCTION) },
  "a sibling that joins": { instance: "by-joining-1", turn: async () => here().joinCluster("joins", "by-joining") },
  "a sibling's mapping": { instance: "by-mapped-1", turn: () => map("by-mapped-2") },
} as const;
type Turn = keyof typeof TURNS;
const WAYS = Object.keys(TURNS) as Turn[];

const app = testApp(
  polling({ "aws-rds": 30 }),
  async () => {
    under = await startAws();
    // Without backups by AWS, which would be under way at times.
    const alone = (identifier: string, tags: Record<string, string>) =>
      here().addInstance({ identifier, tags, retentionDays: 0 });
    for (const identifier of ["by-tag", "by-mapping", "by-conflict"]) alone(identifier, TEST);
    alone("joins", PRODUCTION);
    for (const identifier of ["by-cluster", "by-sibling", "by-joining", "by-mapped", "moving"])
      here().addCluster({ identifier, tags: TEST, members: members(identifier, TEST) });
    return [under.open()];
  },
  { sweepMs: 300 },
);
beforeAll(async () => {
  [dba, admin] = [await app.as("dba"), await app.as("admin")];
});
beforeEach(async () => {
  under.aws.endFaults();
  under.aws.forgetCalls();
  // As it was: nothing is production.
  for (const identifier of ["by-tag", "by-conflict"]) here().retag(identifier, TEST);
  here().retag("by-cluster", TEST, "db-cluster");
  here().retag("by-sibling-2", TEST);
  here().joinCluster("joins", null);
  await app.sql`delete from environment_mappings`;
  await hasten(app, "inventory-aws-rds");
});
afterAll(() => under?.aws.stop());

async function map(instanceId: string): Promise<void> {
  const input = { instanceId, environment: "PRODUCTION", reason: "It holds customers' data." };
  const { errors } = await admin.run(
    "mutation($input: SetEnvironmentMappingInput!) { setEnvironmentMapping(input: $input) { proposal { id } } }",
    { input },
  );
  expect(errors).toBeUndefined();
}

const changesAskedOf = () => under.aws.calls.filter(({ action }) => !/^(Describe|AssumeRole)/.test(action));

/** A request that was refused: 403, with its record and its event, nothing accepted, and AWS asked for nothing. */
async function expectRefused(verb: (typeof VERBS)[number][0], instanceId: string, work: () => ReturnType<typeof ask>) {
  const { answer, records, events, operations } = await leftBy(app, work);
  expect([answer.status, answer.code]).toEqual([403, "PRODUCTION_PROTECTED"]);
  expect(answer.errors).toMatchObject([{ path: [verb] }]);
  expect(records.filter(({ action }) => action.startsWith("operation."))).toMatchObject([
    {
      action: "operation.refused",
      success: false,
      parameters: { instanceId },
      result: { code: "PRODUCTION_PROTECTED" },
    },
  ]);
  expect(events.filter(({ event_type: type }) => type === "authz_fail")).toMatchObject([
    { event_status: "FAILURE", metadata: { code: "PRODUCTION_PROTECTED" } },
  ]);
  expect([operations, changesAskedOf()]).toEqual([0, []]);
}

describe.each(WAYS)("production by %s", (way) => {
  const { instance, turn } = TURNS[way];
  const own = VERBS[WAYS.indexOf(way) % VERBS.length]!;

  it("is refused at the door", async () => {
    await turn();
    await hasten(app, "inventory-aws-rds");
    expect((await instanceOf(dba, instance, "environment { environment }")).environment).toEqual({
      environment: "PRODUCTION",
    });
    for (const [verb, more] of VERBS)
      await expectRefused(verb, instance, () => ask(dba, verb, { instanceId: instance, ...more }));
  });

  it("is refused in the transaction that accepts, where the door did not know it", async () => {
    // The request has passed the door, and waits for the instance, which becomes production meanwhile.
    const [verb, more] = own;
    const { id } = await instanceOf(dba, instance, "id");
    await expectRefused(verb, instance, () =>
      app.sql
        .begin(async (sql) => {
          await sql`select from instances where id = ${id} for update`;
          const asked = ask(dba, verb, { instanceId: instance, ...more });
          await eventually(async () => {
            const [row] = await app.sql`
            select count(*)::int as n from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock' and query like '%for update%'`;
            return row?.n === 1;
          });
          await sql`update instances set environment = 'PRODUCTION' where id = ${id}`;
          return [asked];
        })
        .then(([asked]) => asked!),
    );
  });

  it.each(isDeep ? VERBS : [own])("%s ends by the worker, where it was accepted before", async (verb, more) => {
    const resourceId = here()
      .look()
      .instances.find(({ identifier }) => identifier === instance)!.resourceId;
    const isAboutIt = ({ parameters }: { parameters: object }) => Object.values(parameters).includes(resourceId);
    // The worker waits for AWS, and so looks at what has come about meanwhile.
    const hold = under.aws.fault({ as: "delay", when: isAboutIt });
    const { data } = await ask(dba, verb, { instanceId: instance, ...more });
    const { id } = data[verb].operation;
    await eventually(() => hold.hits > 0);
    under.aws.forgetCalls();
    await turn();
    hold.end();
    const ended = await eventually(async () => {
      const operation = await operationOf(dba, id);
      return operation.endedAt !== null && operation;
    });
    expect(ended).toMatchObject({ status: "FAILED", error: { code: "PRODUCTION_PROTECTED" } });
    expect(await recordsOf(app, id)).toMatchObject([
      { action: "operation.requested", success: true },
      { action: "operation.ended", success: false, result: { error: { code: "PRODUCTION_PROTECTED" } } },
    ]);
    const events =
      await app.sql`select event_type, event_status from security_events where metadata ->> 'operationId' = ${id}`;
    expect(events).toEqual([{ event_type: "authz_fail", event_status: "FAILURE" }]);
    expect(changesAskedOf()).toEqual([]);
    expect(await app.sql`select intent from operations where id = ${id}`).toEqual([{ intent: null }]);
  });
});

describe("a cluster that AWS does not tell", () => {
  const environmentOf = async (instance: string) =>
    (await instanceOf(dba, instance, "environment { environment } cluster")) as object;
  const member = (cluster: string) => ({
    environment: { environment: "PRODUCTION" },
    cluster,
  });
  const scopeNow = async () => {
    const query = `{ scopes(filter: { accountId: { eq: "${ACCOUNT}" }, region: { eq: "${REGION}" } }) { nodes { state lastError { code message } } } }`;
    return (await dba.run(query)).data.scopes.nodes;
  };
  /** Renames it while the calls of an action wait, so that the others were answered before. */
  async function renameDuring(action: string, name: string, to: string, then = () => {}): Promise<void> {
    const hold = under.aws.fault({ as: "delay", action, account: ACCOUNT, region: REGION, times: 1 });
    const other = action === "DescribeDBClusters" ? "DescribeDBInstances" : "DescribeDBClusters";
    under.aws.forgetCalls();
    const run = hasten(app, "inventory-aws-rds");
    await eventually(
      () =>
        hold.hits > 0 &&
        under.aws.calls.some(
          ({ action, region, done, account }) => action === other && done && region === REGION && account === ACCOUNT,
        ),
    );
    here().renameCluster(name, to);
    then();
    hold.end();
    await run;
  }

  it("keeps what is known of its members, says so, and leaves the others of the scope listed", async () => {
    here().retag("moving", PRODUCTION, "db-cluster");
    await hasten(app, "inventory-aws-rds");
    here().retag("by-tag", { ...TEST, Owner: "me" });
    const { records } = await leftBy(app, () => renameDuring("DescribeDBClusters", "moving", "moved"));
    expect(records.filter(({ action }) => action === "instance.changeEnvironment")).toEqual([]);
    for (const one of ["moving-1", "moving-2"]) {
      expect(await environmentOf(one)).toMatchObject({ environment: { environment: "PRODUCTION" } });
      await expectRefused("rebootInstance", one, () => ask(dba, "rebootInstance", { instanceId: one }));
    }
    const { changes } = await instanceOf(dba, "moving-1", "changes(first: 100) { nodes { field } }");
    expect(changes.nodes).not.toContainEqual({ field: "GONE" });
    expect((await instanceOf(dba, "by-tag", "tags { key }")).tags).toContainEqual({ key: "Owner" });
    // Another run, by the schedule, may have found it since.
    const runs = "discoveryRuns(first: 100) { nodes { scopes { region gone error { code message } } } }";
    const scopes = (await dba.run(`{ ${runs} }`)).data.discoveryRuns.nodes.flatMap(
      ({ scopes }: { scopes: { error: object | null }[] }) => scopes,
    );
    expect(scopes.filter(({ error }: { error: object | null }) => error)).toEqual([
      {
        ...{ region: REGION, gone: 0 },
        error: {
          code: "ClusterUnknown",
          message: expect.stringContaining('"moving" is, with the member "moving-1", "moving-2"'),
        },
      },
    ]);
    await hasten(app, "inventory-aws-rds");
    expect([await environmentOf("moving-2"), await scopeNow()]).toEqual([
      member("moved"),
      [{ state: "LISTED", lastError: null }],
    ]);
  });

  it("is asked for once more, as it may have been renamed between the two answers", async () => {
    const { records } = await leftBy(app, () => renameDuring("DescribeDBInstances", "moved", "moving"));
    expect(records.filter(({ action }) => action === "instance.changeEnvironment")).toEqual([]);
    expect([await environmentOf("moving-1"), await scopeNow()]).toEqual([
      member("moving"),
      [{ state: "LISTED", lastError: null }],
    ]);
  });

  it("is none that has got its name", async () => {
    here().addCluster({ identifier: "swap", tags: PRODUCTION, members: [{ identifier: "swap-1", tags: TEST }] });
    await hasten(app, "inventory-aws-rds");
    const other = { identifier: "swap", tags: TEST, members: [{ identifier: "other-1", tags: TEST }] };
    await renameDuring("DescribeDBClusters", "swap", "swapped", () => here().addCluster(other));
    expect(await environmentOf("swap-1")).toMatchObject({ environment: { environment: "PRODUCTION" } });
    await expectRefused("rebootInstance", "swap-1", () => ask(dba, "rebootInstance", { instanceId: "swap-1" }));
    await hasten(app, "inventory-aws-rds");
    expect([await environmentOf("swap-1"), await scopeNow()]).toEqual([
      member("swapped"),
      [{ state: "LISTED", lastError: null }],
    ]);
  });

  it("makes the worker ask for nothing, though its member alone is none", async () => {
    here().retag("moving", TEST, "db-cluster");
    await hasten(app, "inventory-aws-rds");
    under.aws.fault({ as: "refuse", action: "DescribeDBClusters", code: "DBClusterNotFoundFault", status: 404 });
    under.aws.forgetCalls();
    const { data } = await ask(dba, "rebootInstance", { instanceId: "moving-1" });
    const { id } = data.rebootInstance.operation;
    here().retag("moving", PRODUCTION, "db-cluster");
    const waiting = await eventually(async () => {
      const operation = await operationOf(dba, id);
      return operation.progress.length > 0 && operation;
    });
    expect(waiting).toMatchObject({ status: "RUNNING", progress: [{ message: expect.stringContaining("moving") }] });
    under.aws.endFaults();
    const ended = await eventually(async () => {
      const operation = await operationOf(dba, id);
      return operation.endedAt !== null && operation;
    });
    expect(ended).toMatchObject({ status: "FAILED", error: { code: "PRODUCTION_PROTECTED" } });
    expect(changesAskedOf()).toEqual([]);
  });
});
