/** Each operation on RDS, whatever goes wrong with the question, the answer or the worker: never two effects, and one wherever AWS can tell. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Intent, OperationRequest, Poll, Provider } from "../../../src/providers/provider.js";
import { ACCOUNT, instanceNamed, REGION, startAws, type UnderAws } from "../../support/aws.js";
import { isDeep } from "../../support/deep.js";
import { newOperationId, restoreOf, tagsOf, type Wanted } from "../../support/ground.js";

let under: UnderAws;
const ids = new Map<string, string>();
beforeAll(async () => {
  under = await startAws();
  const here = under.aws.region(ACCOUNT, REGION);
  // Without backups by AWS, which would be under way at times.
  here.addInstance({ identifier: "orders", retentionDays: 0 });
  here.addInstance({ identifier: "wide", multiAz: true, retentionDays: 0 });
  here.addCluster({
    identifier: "shop",
    members: [{ identifier: "shop-1" }, { identifier: "shop-2" }, { identifier: "shop-3" }],
  });
  for (const name of ["orders", "wide", "shop-1", "shop-2"])
    ids.set(name, (await instanceNamed(under.open(), name)).providerId);
});
beforeEach(() => {
  // What the test before has begun ends.
  under.aws.endFaults();
  under.aws.clock.advance(3_600_000);
  enter("available");
  under.aws.forgetCalls();
});
afterAll(() => under?.aws.stop());

/** Has what is stopped and started in a status. */
function enter(status: string): void {
  const here = under.aws.region(ACCOUNT, REGION);
  for (const name of ["orders", "shop-1", "shop-2", "shop-3"]) here.setStatus(name, status);
  here.setStatus("shop", status, "db-cluster");
}

let made = 0;
/** @returns a window that no instance has yet */
const windowNumber = (n: number) =>
  [7, 8]
    .map((hour) => `${String(hour + Math.floor(n / 60)).padStart(2, "0")}:${String(n % 60).padStart(2, "0")}`)
    .join("-");

interface Kind {
  readonly name: string;
  readonly action: string;
  readonly instance: string;
  readonly wanted: (providerId: string) => Wanted;
  /** Whether AWS tells that it was never asked. */
  readonly isSeenUndone: boolean;
  /** Whether AWS may be asked for it twice, which changes nothing. */
  readonly isRepeatable?: boolean;
  /** What its resource is called in the end; `available` unless given. */
  readonly endStatus?: string;
  /** Makes what it works on. */
  readonly before?: () => Promise<void>;
  /** What was begun before, where it goes on. */
  readonly begun?: () => Row;
}
const snapshot = (providerId: string): Wanted => {
  made += 1;
  return { type: "CREATE_SNAPSHOT", providerId, snapshotId: `effect-${made}`, tags: [], automated: false };
};
const windowChange = (providerId: string): Wanted => {
  made += 1;
  return { type: "MODIFY_BACKUP_WINDOW", providerId, backupWindow: windowNumber(made), applyImmediately: true };
};
const classChange =
  (applyImmediately: boolean) =>
  (providerId: string): Wanted => {
    made += 1;
    return { type: "MODIFY_INSTANCE_CLASS", providerId, instanceClass: `db.r6g.x${made}`, applyImmediately };
  };
const effectTags = (providerId: string): Wanted => {
  made += 1;
  return tagsOf(providerId, { Effect: String(made) });
};
const groupChange = (providerId: string): Wanted => {
  made += 1;
  under.aws.region(ACCOUNT, REGION).addParameterGroup(`group-${made}`, "postgres16");
  return { type: "CHANGE_PARAMETER_GROUP", providerId, parameterGroup: `group-${made}` };
};
const rebootWith =
  (forceFailover: boolean) =>
  (providerId: string): Wanted => ({ type: "REBOOT_INSTANCE", providerId, forceFailover });

const deletion = (providerId: string): Wanted => ({
  type: "DELETE_SNAPSHOT",
  providerId,
  snapshotId: `effect-${made}`,
});

const restore = (providerId: string): Wanted => ({
  ...restoreOf(providerId, `effect-${made}`, `copy-${made}`),
});

/** Restores the cluster of what is restored, without its instance. */
async function restoreClusterNext(): Promise<void> {
  await takeNext("shop-1");
  const [row, provider] = [
    { request: { ...restore(ids.get("shop-1")!), operationId: newOperationId() }, intent: null } as Row,
    under.open(),
  ];
  await provider.start(row.request, await write(row, provider));
  under.aws.clock.advance(600_000);
  under.aws.forgetCalls();
  restored = row;
}
let restored: Row;

const KINDS: readonly Kind[] = [
  {
    name: "a restore",
    action: "RestoreDBInstanceFromDBSnapshot",
    instance: "orders",
    wanted: restore,
    isSeenUndone: true,
    before: () => takeNext("orders"),
  },
  {
    name: "a cluster's restore",
    action: "RestoreDBClusterFromSnapshot",
    instance: "shop-1",
    wanted: restore,
    isSeenUndone: true,
    before: () => takeNext("shop-1"),
  },
  {
    name: "the instance of a restored cluster",
    action: "CreateDBInstance",
    instance: "shop-1",
    wanted: restore,
    isSeenUndone: true,
    before: restoreClusterNext,
    begun: () => restored,
  },
  {
    name: "a snapshot's deletion",
    action: "DeleteDBSnapshot",
    instance: "orders",
    wanted: deletion,
    isSeenUndone: true,
    endStatus: "deleted",
    before: () => takeNext("orders"),
  },
  {
    name: "the deletion of a cluster's snapshot",
    action: "DeleteDBClusterSnapshot",
    instance: "shop-1",
    wanted: deletion,
    isSeenUndone: true,
    endStatus: "deleted",
    before: () => takeNext("shop-1"),
  },
  { name: "a snapshot", action: "CreateDBSnapshot", instance: "orders", wanted: snapshot, isSeenUndone: true },
  {
    name: "a cluster's snapshot",
    action: "CreateDBClusterSnapshot",
    instance: "shop-1",
    wanted: snapshot,
    isSeenUndone: true,
  },
  { name: "a backup window", action: "ModifyDBInstance", instance: "orders", wanted: windowChange, isSeenUndone: true },
  {
    name: "a cluster's backup window",
    action: "ModifyDBCluster",
    instance: "shop-2",
    wanted: windowChange,
    isSeenUndone: true,
  },
  { name: "a class", action: "ModifyDBInstance", instance: "orders", wanted: classChange(true), isSeenUndone: true },
  {
    name: "a class in the maintenance window",
    action: "ModifyDBInstance",
    instance: "orders",
    wanted: classChange(false),
    isSeenUndone: true,
  },
  {
    name: "a member's class",
    action: "ModifyDBInstance",
    instance: "shop-2",
    wanted: classChange(true),
    isSeenUndone: true,
  },
  {
    name: "tags",
    action: "AddTagsToResource",
    instance: "orders",
    wanted: effectTags,
    ...{ isSeenUndone: true, isRepeatable: true },
  },
  {
    name: "a member's tags that go",
    action: "RemoveTagsFromResource",
    instance: "shop-2",
    before: async () => under.aws.region(ACCOUNT, REGION).retag("shop-2", { Old: "x" }),
    wanted: (providerId) => tagsOf(providerId, {}, "Old"),
    ...{ isSeenUndone: true, isRepeatable: true },
  },
  {
    name: "a parameter group",
    action: "ModifyDBInstance",
    instance: "orders",
    wanted: groupChange,
    isSeenUndone: true,
  },
  { name: "a reboot", action: "RebootDBInstance", instance: "orders", wanted: rebootWith(false), isSeenUndone: false },
  {
    name: "a reboot with failover",
    action: "RebootDBInstance",
    instance: "wide",
    wanted: rebootWith(true),
    isSeenUndone: false,
  },
  {
    name: "a member's reboot",
    action: "RebootDBInstance",
    instance: "shop-2",
    wanted: rebootWith(false),
    isSeenUndone: false,
  },
  {
    name: "a cluster's failover",
    action: "FailoverDBCluster",
    instance: "shop-1",
    wanted: rebootWith(true),
    isSeenUndone: false,
  },
  ...(["orders", "shop-1"] as const).flatMap((instance): Kind[] => {
    const [whose, kind] = instance === "orders" ? ["", "Instance"] : ["cluster's ", "Cluster"];
    const stop = (providerId: string): Wanted => ({ type: "STOP_INSTANCE", providerId });
    const start = (providerId: string): Wanted => ({ type: "START_INSTANCE", providerId });
    return [
      {
        name: `a ${whose}stop`,
        action: `StopDB${kind}`,
        instance,
        wanted: stop,
        isSeenUndone: false,
        endStatus: "stopped",
      },
      {
        name: `a ${whose}start`,
        action: `StartDB${kind}`,
        instance,
        wanted: start,
        isSeenUndone: false,
        before: async () => enter("stopped"),
      },
    ];
  }),
];

/** Takes a snapshot of the next number, for what is done to it. */
async function takeNext(instance: string): Promise<void> {
  made += 1;
  const wanted: Wanted = {
    type: "CREATE_SNAPSHOT",
    providerId: ids.get(instance)!,
    snapshotId: `effect-${made}`,
    tags: [],
    automated: false,
  };
  const request = { ...wanted, operationId: newOperationId() } as OperationRequest;
  expect(await work({ request, intent: null }, same(under.open()))).toMatchObject({ state: "succeeded" });
  under.aws.forgetCalls();
}

/** What a worker keeps in the row of an operation. */
interface Row {
  readonly request: OperationRequest;
  intent: Intent | null;
}

const rowOf = ({ wanted, instance, begun }: Kind): Row =>
  begun?.() ?? {
    request: { ...wanted(ids.get(instance)!), operationId: newOperationId() } as OperationRequest,
    intent: null,
  };

async function write(row: Row, provider: Provider): Promise<Intent> {
  row.intent = { askedAt: under.aws.clock.now().toISOString(), saw: await provider.look(row.request) };
  return row.intent;
}

/** Does what a worker does, at most so many polls. @param next the provider of each poll, which a crash replaces */
async function work(row: Row, next: () => Provider, polls = 60): Promise<Poll> {
  let poll: Poll = { state: "unknown" };
  for (let n = 0; n < polls; n += 1) {
    const provider = next();
    poll = await provider.poll(row.request, row.intent);
    if (poll.state === "succeeded" || poll.state === "failed") return poll;
    if (poll.state === "deferred") row.intent = null;
    if (poll.state === "unknown") await provider.start(row.request, await write(row, provider)).catch(() => undefined);
    under.aws.clock.advance(15_000);
  }
  return poll;
}

const same = (provider: Provider) => () => provider;
const callsOf = ({ action }: Kind) => under.aws.calls.filter((call) => call.action === action).length;

describe("a snapshot that is to be deleted", () => {
  const begun = async () => {
    await takeNext("orders");
    const [row, dying] = [
      { request: { ...deletion(ids.get("orders")!), operationId: newOperationId() }, intent: null } as Row,
      under.open(),
    ];
    under.aws.fault({ as: "lose-call", action: "DeleteDBSnapshot", times: 1 });
    await dying.start(row.request, await write(row, dying)).catch(() => undefined);
    return row;
  };

  it("is not the one that has its name by now", async () => {
    const row = await begun();
    const snapshotId = `effect-${made}`;
    const here = under.aws.region(ACCOUNT, REGION);
    under.aws.clock.advance(600_000);
    here.addSnapshot({ identifier: snapshotId, source: "orders" });
    expect(await work(row, same(under.open()))).toMatchObject({ state: "succeeded", resourceStatus: "deleted" });
    expect(here.look().snapshots.map(({ identifier }) => identifier)).toContain(snapshotId);
    expect(under.aws.done("DeleteDBSnapshot")).toBe(0);
  });
});

it("tags that AWS lists late are waited for, and not asked for again", async () => {
  const [here, provider] = [under.aws.region(ACCOUNT, REGION), under.open()];
  const row: Row = {
    request: { ...effectTags(ids.get("orders")!), operationId: newOperationId() },
    intent: null,
  } as Row;
  await provider.start(row.request, await write(row, provider));
  here.retag("orders", {});
  for (const _ of Array.from({ length: 20 })) {
    under.aws.clock.advance(15_000);
    const message = "AWS has taken the tags, and does not list them all yet.";
    expect(await provider.poll(row.request, row.intent)).toMatchObject({ state: "running", message });
  }
  here.retag("orders", { Effect: String(made), Other: "x" });
  expect(await provider.poll(row.request, row.intent)).toMatchObject({
    state: "succeeded",
    result: { tags: expect.arrayContaining([{ key: "Other", value: "x" }]) },
  });
  expect(under.aws.done("AddTagsToResource")).toBe(1);
});

describe.each(KINDS.map((kind, turn) => ({ name: kind.name, kind, turn })))("$name", ({ kind, turn }) => {
  const { action, isSeenUndone, endStatus = "available", before } = kind;
  beforeEach(() => before?.());
  let count = 0;
  /** In the short form one thing of seven goes wrong with an operation, and with the next operation the next: so each does with some of both kinds. */
  const when = (name: string, test: () => Promise<void>) => {
    if (isDeep || (turn + count++) % 7 === 0) it(name, test);
  };
  const expectOnce = (end: Poll) => {
    expect(end).toMatchObject({ state: "succeeded", resourceStatus: endStatus });
    expect(under.aws.done(action)).toBe(1);
  };
  /** Where AWS cannot tell that nothing was done, it is watched, and done at most once. */
  const expectAtMostOnce = (end: Poll) => {
    if (isSeenUndone) return expectOnce(end);
    expect(end).toMatchObject({ state: "running", message: expect.stringContaining("not asked twice") });
    expect(under.aws.done(action)).toBe(0);
  };

  it("is done once, by one call", async () => {
    expectOnce(await work(rowOf(kind), same(under.open())));
    expect(callsOf(kind)).toBe(1);
  });

  when("a refusal ends it, with AWS's code and without ids of requests or other accounts", async () => {
    const message =
      "It may not be. arn:aws:iam::999988887777:role/other and arn:aws:rds:eu-central-1:111122223333:db:orders (Request ID: 5a3c0a1b-6d1b-4b5c-9d52-0a1b2c3d4e5f)";
    under.aws.fault({ as: "refuse", code: "KMSKeyNotAccessibleFault", message, action });
    const end = await work(rowOf(kind), same(under.open()));
    expect(end).toMatchObject({
      state: "failed",
      failure: {
        code: "KMSKeyNotAccessibleFault",
        message: expect.stringMatching(
          /^It may not be\. \(a resource of another account\) and arn:aws:rds:eu-central-1:111122223333:db:orders\.( The cluster \S+ is restored, .*)?$/,
        ),
      },
    });
    expect([callsOf(kind), under.aws.done(action)]).toEqual([1, 0]);
  });

  for (const rule of [
    { as: "throttle" },
    { as: "throttle", code: "SlowDown" },
    { as: "refuse", code: "InvalidDBInstanceState" },
    { as: "expired-token" },
  ] as const)
    when(`${JSON.stringify(rule)} is asked again, ever later, until it is done`, async () => {
      under.aws.fault({ ...rule, action, times: 4 });
      expectOnce(await work(rowOf(kind), same(under.open())));
    });

  when("what AWS refuses for now stays deferred, with nothing done, and no intent is left", async () => {
    under.aws.fault({ as: "refuse", code: "InvalidDBInstanceState", action });
    const row = rowOf(kind);
    const provider = under.open();
    await provider.start(row.request, await write(row, provider));
    expect(await provider.poll(row.request, row.intent)).toMatchObject({
      state: "deferred",
      failure: { code: "InvalidDBInstanceState" },
    });
    await work(row, same(provider), 20);
    // The pauses grow to half a minute where chance makes them as short as they can be.
    expect(callsOf(kind)).toBeGreaterThan(5);
    expect(callsOf(kind)).toBeLessThan(15);
    expect(under.aws.done(action)).toBe(0);
  });

  when("a lost answer is found out, and nothing is asked twice", async () => {
    under.aws.fault({ as: "lose-answer", action, times: 1 });
    expectOnce(await work(rowOf(kind), same(under.open())));
    expect(callsOf(kind)).toBe(1);
  });

  for (const rule of [{ as: "lose-call" }, { as: "server-error" }, { as: "html", status: 502 }] as const)
    when(`after ${JSON.stringify(rule)} it is asked again only where AWS shows that nothing was done`, async () => {
      under.aws.fault({ ...rule, action, times: 1 });
      expectAtMostOnce(await work(rowOf(kind), same(under.open())));
    });

  when("an answer that is no answer of AWS leaves it to be found out", async () => {
    under.aws.fault({ as: "cut-off", bytes: 100, action, times: 1 });
    expectOnce(await work(rowOf(kind), same(under.open())));
    expect(callsOf(kind)).toBe(1);
  });

  when("a worker that dies before the question leaves it to another", async () => {
    const row = rowOf(kind);
    await write(row, under.open());
    expectAtMostOnce(await work(row, same(under.open())));
  });

  when("a worker that dies after the question leaves it to another", async () => {
    const [row, dying] = [rowOf(kind), under.open()];
    await dying.start(row.request, await write(row, dying));
    expectOnce(await work(row, same(under.open())));
    expect(callsOf(kind)).toBe(1);
  });

  when("workers that die after each poll", async () => {
    expectOnce(await work(rowOf(kind), under.open));
    expect(callsOf(kind)).toBe(1);
  });

  when("a question that arrives late, when another worker has gone on, has no second effect", async () => {
    const [row, dying] = [rowOf(kind), under.open()];
    const fault = under.aws.fault({ as: "delay", action, times: 1 });
    const late = dying.start(row.request, await write(row, dying)).catch(() => undefined);
    await expect.poll(() => fault.hits).toBe(1);
    const other = under.open();
    await work(row, same(other), 12);
    fault.end();
    await late;
    const end = await work(row, same(other));
    if (kind.isRepeatable) expect(end).toMatchObject({ state: "succeeded", resourceStatus: endStatus });
    else expectOnce(end);
  });
});
