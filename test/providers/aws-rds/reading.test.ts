/** What RDS has is described whole, whatever it is, and a scope that does not answer as AWS does says why. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { describeRdsInstance } from "../../../src/providers/aws-rds/instance-description.js";
import type { Provider } from "../../../src/providers/provider.js";
import { ACCOUNT, instanceNamed, OTHER_ACCOUNT, REGION, scopeOf, startAws, type UnderAws } from "../../support/aws.js";
import { SOON } from "../../support/soon.js";

let under: UnderAws;
let provider: Provider;
beforeAll(async () => {
  under = await startAws();
  const here = under.aws.region(ACCOUNT, REGION);
  here.addInstance({
    identifier: "orders",
    multiAz: true,
    backupWindow: "03:00-03:30",
    tags: { Env: "Test", Empty: "" },
  });
  here.addInstance({ identifier: "ora", engine: "oracle-ee", status: "something-new" });
  here.addCluster({
    identifier: "shop",
    tags: { Environment: "staging" },
    backupWindow: "01:00-01:30",
    members: [{ identifier: "shop-1" }, { identifier: "shop-2" }],
  });
  under.aws.region(OTHER_ACCOUNT, REGION).addInstance({ identifier: "orders" });
});
beforeEach(() => {
  under.aws.endFaults();
  under.aws.forgetCalls();
  provider = under.open();
});
afterAll(() => under?.aws.stop());

const listed = () => provider.list(scopeOf(provider));

it("an instance is described with all that the inventory shows", async () => {
  expect(await instanceNamed(provider, "orders")).toEqual({
    providerId: expect.stringMatching(`^${ACCOUNT}/${REGION}/db-[A-Z0-9]{26}$`),
    identifier: "orders",
    arn: `arn:aws:rds:${REGION}:${ACCOUNT}:db:orders`,
    accountId: ACCOUNT,
    region: REGION,
    engine: "postgres",
    engineVersion: expect.stringMatching(/^\d+/),
    instanceClass: "db.t4g.medium",
    pendingInstanceClass: null,
    parameterGroup: { name: "default.postgres16", status: "in-sync" },
    storageGiB: 100,
    multiAz: true,
    status: "available",
    endpoint: { host: expect.stringMatching(/^orders\..*rds\.amazonaws\.com$/), port: 5432 },
    members: [
      expect.objectContaining({ name: `${REGION}a`, role: "PRIMARY", status: "available" }),
      expect.objectContaining({ name: `${REGION}b`, role: "STANDBY", endpoint: null }),
    ],
    cluster: null,
    tags: [
      { key: "Empty", value: "" },
      { key: "Env", value: "Test" },
    ],
    backupWindow: "03:00-03:30",
    pendingBackupWindow: null,
    maintenanceWindow: "sun:05:00-sun:06:00",
    backupRetentionDays: 7,
    autoFailover: null,
    findings: [],
  });
});

it("any engine and any status are shown", async () => {
  expect(await instanceNamed(provider, "ora")).toMatchObject({ engine: "oracle-ee", status: "something-new" });
});

it("windows are in lower case, and what is no window is none", async () => {
  const here = under.aws.region(ACCOUNT, REGION);
  here.change("ora", { maintenanceWindow: "Mon:05:00-Mon:06:30", backupWindow: "soon" });
  expect(await instanceNamed(provider, "ora")).toMatchObject({
    maintenanceWindow: "mon:05:00-mon:06:30",
    backupWindow: null,
  });
});

it("what waits for the maintenance window or a reboot is a finding", async () => {
  const here = under.aws.region(ACCOUNT, REGION);
  here.change("ora", {
    pending: { instanceClass: "db.r6g.large", allocatedStorage: 200 },
    parameterStatus: "pending-reboot",
  });
  expect((await instanceNamed(provider, "ora")).findings).toEqual([
    {
      kind: "pending_modifications",
      severity: "INFO",
      subject: null,
      detail: "In the next maintenance window: the class becomes db.r6g.large; the storage in GiB becomes 200.",
    },
    expect.objectContaining({ kind: "pending_reboot" }),
  ]);
  here.change("ora", { pending: {}, parameterStatus: "in-sync" });
});

it("a member of a cluster names it, has its window and tags, and shows all members with their roles", async () => {
  const [writer, reader] = [await instanceNamed(provider, "shop-1"), await instanceNamed(provider, "shop-2")];
  for (const member of [writer, reader]) {
    expect(member).toMatchObject({
      multiAz: true,
      storageGiB: null,
      backupWindow: "01:00-01:30",
      cluster: {
        identifier: "shop",
        arn: `arn:aws:rds:${REGION}:${ACCOUNT}:cluster:shop`,
        tags: [{ key: "Environment", value: "staging" }],
      },
      members: [
        { name: "shop-1", role: "PRIMARY", status: "available", endpoint: writer.endpoint },
        { name: "shop-2", role: "STANDBY", status: "available", endpoint: reader.endpoint },
      ],
    });
  }
});

it("the status of a cluster counts for a member that is available", async () => {
  const here = under.aws.region(ACCOUNT, REGION);
  here.setStatus("shop", "failing-over", "db-cluster");
  expect((await instanceNamed(provider, "shop-2")).status).toBe("failing-over");
  here.setStatus("shop", "available", "db-cluster");
});

it("one instance is described as the list describes it", async () => {
  for (const instance of await listed()) expect(await provider.describe(instance.providerId)).toEqual(instance);
});

it("a renamed instance stays itself; one that is made anew is another, and the first is gone", async () => {
  const here = under.aws.region(ACCOUNT, REGION);
  here.addInstance({ identifier: "before" });
  const { providerId } = await instanceNamed(provider, "before");
  here.renameInstance("before", "after");
  expect(await provider.describe(providerId)).toMatchObject({ providerId, identifier: "after" });
  here.replaceInstance("after");
  expect(await provider.describe(providerId)).toBeNull();
  expect((await instanceNamed(provider, "after")).providerId).not.toBe(providerId);
  here.removeInstance("after");
});

it("where resource ids are the same for all, the ARN is the identity", async () => {
  const here = under.aws.region(ACCOUNT, "us-east-1");
  for (const identifier of ["one", "two"]) here.addInstance({ identifier });
  for (const identifier of ["one", "two"]) here.change(identifier, { resourceId: "db-SAME" } as object);
  const instances = await provider.list(scopeOf(provider, ACCOUNT, "us-east-1"));
  expect(instances.map(({ providerId }) => providerId)).toEqual(
    ["one", "two"].map((name) => `${ACCOUNT}/us-east-1/arn:aws:rds:us-east-1:${ACCOUNT}:db:${name}`),
  );
  for (const instance of instances) expect(await provider.describe(instance.providerId)).toEqual(instance);
});

it("a scope of 250 instances is listed with three calls for them and one for clusters, all of which are counted", async () => {
  const far = under.aws.region(OTHER_ACCOUNT, REGION);
  for (let n = 1; n < 250; n += 1) far.addInstance({ identifier: `db-${n}` });
  let calls = 0;
  const instances = await provider.list(scopeOf(provider, OTHER_ACCOUNT), { onCall: () => calls++ });
  expect([instances.length, calls]).toEqual([250, 4]);
  expect(under.aws.calls.map(({ action }) => action).sort()).toEqual([
    "AssumeRole",
    "DescribeDBClusters",
    ...Array(3).fill("DescribeDBInstances"),
  ]);
});

it("the order in which AWS says tags and members is none of theirs", async () => {
  const writer = { DBInstanceIdentifier: "b", IsClusterWriter: true };
  const readers = ["c", "a"].map((DBInstanceIdentifier) => ({ DBInstanceIdentifier, IsClusterWriter: false }));
  const tags = ["b", "B", "a"].map((Key) => ({ Key, Value: "x" }));
  const described = (turn: <T>(items: T[]) => T[]) => {
    const cluster = { DBClusterMembers: turn([...readers, writer]), TagList: turn(tags) };
    const group = { cluster, members: new Map() };
    const scope = { accountId: ACCOUNT, region: REGION } as never;
    return describeRdsInstance(scope, "db-1", { TagList: turn(tags), DBInstanceIdentifier: "b" }, group);
  };
  const one = described((items) => items);
  expect(described((items) => items.toReversed())).toEqual(one);
  expect([one.members.map(({ name }) => name), one.tags.map(({ key }) => key)]).toEqual([
    ["b", "a", "c"],
    ["B", "a", "b"],
  ]);
});

it("a listing that nobody waits for any more ends with the page that it is at", async () => {
  const ending = new AbortController();
  const hold = under.aws.fault({ as: "delay", action: "DescribeDBInstances", times: 1 });
  let calls = 0;
  const listing = provider.list(scopeOf(provider, OTHER_ACCOUNT), { onCall: () => calls++, signal: ending.signal });
  const answer = expect(listing).rejects.toThrow();
  await vi.waitFor(() => expect(hold.hits).toBe(1), SOON);
  ending.abort();
  await answer;
  hold.end();
  // The first of three pages, and that of the clusters.
  expect([calls, under.aws.calls.filter(({ action }) => action === "DescribeDBInstances").length]).toEqual([2, 1]);
});

describe("a scope says why it is not listed", () => {
  it.each([
    [{ as: "deny" }, "AccessDenied", /AccessDenied.*not authorized/],
    [{ as: "throttle" }, "Throttled", /Rate exceeded/],
    [{ as: "throttle", code: "RequestLimitExceeded" }, "Throttled", /RequestLimitExceeded/],
    [{ as: "html", status: 200 }, "NotAnAnswer", /not AWS/],
    [{ as: "html", status: 502 }, "NotAnAnswer", /not AWS/],
    [{ as: "cut-off", bytes: 400 }, "CutOff", /ended before/],
    [{ as: "lose-answer" }, "CutOff", /ended before/],
    [{ as: "expired-token" }, "CredentialsExpired", /ExpiredToken/],
    [{ as: "server-error" }, "ServiceFailure", /InternalFailure/],
  ] as const)(
    "%j",
    async (rule, providerCode, message) => {
      under.aws.fault({ ...rule, action: "DescribeDBInstances" });
      await expect(listed()).rejects.toMatchObject({
        code: "UNAVAILABLE",
        extensions: { providerCode },
        message: expect.stringMatching(message),
      });
      // The other scopes are listed all the same.
      under.aws.endFaults();
      under.aws.fault({ ...rule, account: ACCOUNT, action: "DescribeDBInstances" });
      expect(await provider.list(scopeOf(provider, OTHER_ACCOUNT))).not.toEqual([]);
    },
    20_000,
  );

  it("cut off on the second page it is not listed at all", async () => {
    under.aws.fault({
      as: "cut-off",
      bytes: 300,
      action: "DescribeDBInstances",
      when: ({ parameters }) => "Marker" in parameters,
    });
    await expect(provider.list(scopeOf(provider, OTHER_ACCOUNT))).rejects.toMatchObject({
      extensions: { providerCode: "CutOff" },
    });
  });

  it("with the credentials of another account", async () => {
    const { createAwsRdsProvider } = await import("../../../src/providers/aws-rds.js");
    const { pino } = await import("pino");
    const wrong = createAwsRdsProvider({
      accounts: [{ accountId: OTHER_ACCOUNT, name: null, regions: [REGION] }],
      clock: under.aws.clock,
      log: pino({ level: "silent" }),
      standIn: { url: under.aws.url, credentials: under.aws.credentials },
    });
    await expect(wrong.list(wrong.scopes[0]!)).rejects.toMatchObject({ extensions: { providerCode: "WrongAccount" } });
    const away = createAwsRdsProvider({
      accounts: [{ accountId: ACCOUNT, name: null, regions: [REGION] }],
      clock: under.aws.clock,
      log: pino({ level: "silent" }),
      standIn: { url: "http://127.0.0.1:1", credentials: under.aws.credentials },
    });
    await expect(away.list(away.scopes[0]!)).rejects.toMatchObject({ extensions: { providerCode: "Unreachable" } });
  });
});

it("snapshots of a scope come in pages of 100, with the instance that each is of; a cluster's are its writer's", async () => {
  const here = under.aws.region(ACCOUNT, REGION);
  for (let n = 0; n < 120; n += 1)
    here.addSnapshot({ identifier: `s-${n}`, source: "orders", type: n % 2 ? "manual" : "automated" });
  here.addSnapshot({ identifier: "of-shop", source: "shop" });
  const [orders, shop] = [await instanceNamed(provider, "orders"), await instanceNamed(provider, "shop-1")];
  under.aws.forgetCalls();
  let calls = 0;
  const snapshots = await provider.listScopeSnapshots(scopeOf(provider), { onCall: () => calls++ });
  expect([snapshots.length, calls, under.aws.calls.length]).toEqual([121, 3, 3]);
  expect(new Set(snapshots.map(({ providerId }) => providerId))).toEqual(new Set([orders.providerId, shop.providerId]));
  expect(snapshots.find(({ snapshot }) => snapshot.identifier === "of-shop")).toEqual({
    providerId: shop.providerId,
    snapshot: {
      uid: expect.any(String),
      identifier: "of-shop",
      arn: `arn:aws:rds:${REGION}:${ACCOUNT}:cluster-snapshot:of-shop`,
      status: "available",
      sizeBytes: null,
      createdAt: expect.stringMatching(/Z$/),
      tags: [],
      automated: false,
    },
  });
  expect(snapshots.filter(({ snapshot }) => snapshot.automated)).toHaveLength(60);
  expect(await provider.listSnapshots(orders.providerId)).toHaveLength(120);
  expect(
    (await provider.listSnapshots((await instanceNamed(provider, "shop-2")).providerId))?.map((s) => s.identifier),
  ).toEqual(["of-shop"]);
});
