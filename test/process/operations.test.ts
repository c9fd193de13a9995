/** Operations on RDS and on real clusters while Posterns are killed at random: each is done once, with exactly its records, and rows are true. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import type { AwsCall } from "../../src/seed/aws-double/faults.js";
import { OPERATION_DECLARATIONS, OPERATION_TYPES } from "../../src/values/operations/declarations.js";
import { PASSWORD } from "../support/app.js";
import { ACCOUNT, REGION, startAws } from "../support/aws.js";
import { cases } from "../support/deep.js";
import { startedDatabase } from "../support/empty-database.js";
import { EMAIL, type Ended, fleetToKill, type KilledFleet, type Wanted } from "../support/killed-fleet.js";
import { ensureBuilt, PATIENCE_MS } from "../support/postern.js";
import { eventually, useSandbox } from "../support/sandbox.js";

const [KILLS, LOCAL_KILLS] = [cases(2, 14), cases(1, 6)];
const named = (word: string, count: number) => Array.from({ length: count }, (_, n) => `${word}-${n}`);
const RDS_NAMES = [...named("rds", cases(4, 16)), ...named("bulk", cases(2, 4))];
const CLUSTER_NAMES = named("cluster", cases(1, 3));
const isInBulk = (name: string) => name.startsWith("bulk");
const sandbox = useSandbox();
vi.setConfig({ testTimeout: cases(120_000, 900_000), hookTimeout: 60_000 });
beforeAll(ensureBuilt);

/** Windows of an hour that begin so many hours from now, so that none opens meanwhile. */
const windowIn = (hours: number) =>
  [0, 1].map((more) => `${String((new Date().getUTCHours() + hours + more) % 24).padStart(2, "0")}:00`).join("-");
const FACTS = { backupWindow: windowIn(10), maintenanceWindow: weekly(windowIn(6)) };
const NEXT_BACKUP_WINDOW = windowIn(13);

/** @returns a window of every week, in three days and a half */
function weekly(window: string): string {
  const day = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"][(new Date().getUTCDay() + 3) % 7];
  const [from, to] = window.split("-");
  return `${day}:${from}-${day}:${to === "00:00" ? "23:59" : to}`;
}

/** What each chain requests on an instance. Together they are all types. */
const chainsOn = (name: string, instanceClass: string, canFailOver: boolean): Wanted[][] => [
  [
    ["createSnapshot", { snapshotId: `${name}-s0` }],
    ["restoreSnapshot", { snapshotId: `${name}-s0`, identifier: `${name}-copy` }],
    ["deleteSnapshot", { snapshotId: `${name}-s0` }],
  ],
  [
    ["rebootInstance", { forceFailover: canFailOver }],
    ["modifyBackupWindow", { backupWindow: NEXT_BACKUP_WINDOW, applyImmediately: true }],
    ["setInstanceTags", { tags: [{ key: "Round", value: `round of ${name}` }], removeKeys: ["Former"] }],
  ],
  [
    ["modifyInstanceClass", { instanceClass, applyImmediately: true }],
    ["changeParameterGroup", { parameterGroup: "another" }],
  ],
  [
    ["stopInstance", {}],
    ["startInstance", {}],
    ["createSnapshot", { snapshotId: `${name}-s1` }],
  ],
];

const BULK_REQUESTS: readonly Wanted[] = [
  ["createSnapshots", {}],
  ["rebootInstances", {}],
];

/** @returns the chains from another one on, so that not all instances do the same at the same time */
const turned = (chains: Wanted[][], by: number) => chains.map((_, n) => chains[(n + by) % chains.length]!);

/** In the short form each instance has one chain, in the long one all. */
const requestsOn = (n: number, chains: Wanted[][]): Wanted[] =>
  turned(chains, n).slice(0, cases(1, chains.length)).flat();

/** The calls that change something and of which an operation is made, each with values that together no other operation has. */
function callsOf(name: string, { id, verb, input }: Ended): [action: string, ...values: string[]][] {
  const { snapshotId, identifier, forceFailover, backupWindow, instanceClass, parameterGroup } = input as Record<
    string,
    string
  >;
  if (verb === "createSnapshot") return [["CreateDBSnapshot", name, snapshotId!, id]];
  if (verb === "restoreSnapshot") return [["RestoreDBInstanceFromDBSnapshot", identifier!, snapshotId!, id]];
  if (verb === "deleteSnapshot") return [["DeleteDBSnapshot", snapshotId!]];
  if (verb === "rebootInstance") return [["RebootDBInstance", name, ...(forceFailover ? ["true"] : [])]];
  if (verb === "stopInstance") return [["StopDBInstance", name]];
  if (verb === "startInstance") return [["StartDBInstance", name]];
  const arn = `arn:aws:rds:${REGION}:${ACCOUNT}:db:${name}`;
  if (verb === "setInstanceTags")
    return [
      ["AddTagsToResource", arn, `round of ${name}`],
      ["RemoveTagsFromResource", arn, "Former"],
    ];
  return [["ModifyDBInstance", name, (backupWindow ?? instanceClass ?? parameterGroup)!]];
}

const isChange = ({ action, done }: AwsCall) => done && !/^(Describe|List|Get|Assume)/.test(action);
const isAbout = (name: string) => (call: AwsCall) =>
  Object.values(call.parameters).some(
    (value) => value === name || value.startsWith(`${name}-`) || value.endsWith(`:${name}`),
  );

/** Each operation that has succeeded has made each of its calls once and in its turn, one that has not at most once; and nobody else made one. */
function requireCallsOf(name: string, operations: readonly Ended[], calls: readonly AwsCall[]): void {
  const left = [...calls];
  const missing: unknown[] = [];
  for (const operation of operations) {
    for (const [action, ...values] of callsOf(name, operation)) {
      const next = left[0]?.action === action && Object.values(left[0].parameters);
      if (next && values.every((value) => next.includes(value))) left.shift();
      else if (operation.status === "SUCCEEDED") missing.push([operation, action]);
    }
  }
  expect({ name, missing, left }).toEqual({ name, missing: [], left: [] });
}

/** @returns how often the server of a cluster has come up, by its log */
async function startsOf(name: string): Promise<number> {
  const instances = join(sandbox.path, "local", "fleet", "instances");
  for (const id of await readdir(instances)) {
    const folder = join(instances, id);
    const { identifier, primary } = JSON.parse(await readFile(join(folder, "instance.json"), "utf8"));
    if (identifier !== name) continue;
    const log = await readFile(join(folder, "members", primary, "postgres.log"), "utf8");
    return log.split("database system is ready to accept connections").length - 1;
  }
  throw new Error(`There is no instance ${name}.`);
}

const pace = { intervalMs: 200, attempts: 200 };
const PACES = Object.fromEntries(OPERATION_TYPES.map((type) => [type, pace]));
const COMMON = {
  ...{ DEMO: "false", ADMIN_EMAIL: EMAIL, ADMIN_PASSWORD: PASSWORD, BACKUP_CATCH_UP: "false" },
  OPERATION_POLLING: JSON.stringify({ "aws-rds": PACES, local: PACES }),
};

async function untilAvailable(fleet: KilledFleet, count: number): Promise<void> {
  await eventually(async () => {
    const nodes = await fleet.listed("instances", "status");
    return nodes.length === count && nodes.every(({ status }) => status === "available");
  }, PATIENCE_MS);
}

/** What is requested of a fleet: of each instance by itself, and meanwhile of others all at once. */
interface Work {
  readonly fleet: KilledFleet;
  readonly requests: ReadonlyMap<string, readonly Wanted[]>;
  readonly inBulk: { readonly names: readonly string[]; readonly requests: readonly Wanted[] };
  readonly kills: number;
}

/** @returns the operations of each instance, and how many were open at each kill */
async function operateAll({ fleet, requests, inBulk, kills }: Work) {
  const all = new Map<string, Ended[]>([...requests.keys(), ...inBulk.names].map((name) => [name, []]));
  const eachAlone = [...requests].map(async ([name, wanted]) => all.set(name, await fleet.operate(name, wanted)));
  const allAtOnce = async () => {
    for (const wanted of inBulk.requests) {
      // What comes after an operation of which nobody knows whether it was done would wait for its true end.
      const names = inBulk.names.filter((name) => all.get(name)!.every(({ status }) => status === "SUCCEEDED"));
      for (const [name, ended] of await fleet.operateBulk(names, wanted)) all.get(name)!.push(ended);
    }
  };
  let isOver = false;
  const expected = [...requests.values()].flat().length + inBulk.names.length * inBulk.requests.length;
  const killing = fleet.killAlong(kills, expected, () => isOver);
  await Promise.all([...eachAlone, allAtOnce()]);
  isOver = true;
  return { all, openAt: await killing };
}

/** What there is after operations, by what has succeeded; and whatever one that has not succeeded names is not sure. */
function thereAfter(all: ReadonlyMap<string, readonly Ended[]>) {
  const operations = [...all.values()].flat();
  const named = (verb: string, name: string) =>
    operations
      .filter((each) => each.verb === verb && each.status === "SUCCEEDED")
      .map(({ input }) => String(input[name]));
  const unsure = new Set(
    operations.filter(({ status }) => status === "TIMED_OUT").flatMap(({ input }) => Object.values(input)),
  );
  const sure = (names: Iterable<string>) => [...names].filter((name) => !unsure.has(name)).sort();
  const deleted = new Set(named("deleteSnapshot", "snapshotId"));
  return {
    sure,
    isSure: unsure.size === 0,
    snapshots: sure(named("createSnapshot", "snapshotId").filter((each) => !deleted.has(each))),
    instances: sure([...all.keys(), ...named("restoreSnapshot", "identifier")]),
  };
}

async function requireRows({ fleet }: Work, all: ReadonlyMap<string, readonly Ended[]>): Promise<void> {
  const { sure, snapshots, instances } = thereAfter(all);
  const seen = await fleet.listed("snapshots", "identifier status");
  const there = await fleet.listed(
    "instances",
    "identifier gone tags { key value } instanceClass parameterGroup { name } backupWindow",
  );
  expect(sure(seen.filter(({ status }) => status !== "deleted").map(({ identifier }) => identifier))).toEqual(
    snapshots,
  );
  expect(sure(there.filter(({ gone }) => !gone).map(({ identifier }) => identifier))).toEqual(instances);
  for (const [name, operations] of all) {
    const row = there.find(({ identifier }) => identifier === name);
    for (const { verb, input, status } of operations) {
      if (status !== "SUCCEEDED") continue;
      if (verb === "modifyBackupWindow") expect(row.backupWindow).toBe(input.backupWindow);
      if (verb === "modifyInstanceClass") expect(row.instanceClass).toBe(input.instanceClass);
      if (verb === "changeParameterGroup") expect(row.parameterGroup.name).toBe(input.parameterGroup);
      if (verb === "setInstanceTags")
        expect(row.tags.map(({ key }: { key: string }) => key).sort()).toEqual(["Environment", "Round"]);
    }
  }
}

test(`${KILLS + LOCAL_KILLS} kills while two replicas operate on ${RDS_NAMES.length} instances of RDS, and one on ${CLUSTER_NAMES.length} clusters`, async () => {
  const { aws } = await startAws([{ accountId: ACCOUNT, name: null, regions: [REGION] }]);
  const here = aws.region(ACCOUNT, REGION);
  here.addParameterGroup("another", "postgres16");
  const tags = { Environment: "Test", Former: "former" };
  const requests = new Map<string, Wanted[]>();
  for (const [n, identifier] of RDS_NAMES.entries()) {
    const multiAz = n % 2 === 1;
    here.addInstance({ identifier, tags, multiAz, ...FACTS, retentionDays: 0 });
    if (!isInBulk(identifier)) requests.set(identifier, requestsOn(n, chainsOn(identifier, "db.r6g.large", multiAz)));
  }
  const time = setInterval(() => aws.clock.advance(30_000), 100);
  onTestFinished(() => clearInterval(time));
  const { environment } = await startedDatabase();
  const rds: Work = {
    requests,
    inBulk: { names: RDS_NAMES.filter(isInBulk), requests: BULK_REQUESTS },
    kills: KILLS,
    fleet: fleetToKill(
      sandbox.path,
      {
        ...{ ...environment, ...COMMON, AWS_ENDPOINT_URL: aws.url },
        AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
        AWS_ACCOUNTS: JSON.stringify([{ accountId: ACCOUNT, regions: [REGION] }]),
      },
      2,
    ),
  };
  const local: Work = {
    requests: new Map(CLUSTER_NAMES.map((name, n) => [name, turned(chainsOn(name, "local.small", false), n).flat()])),
    inBulk: { names: [], requests: [] },
    kills: LOCAL_KILLS,
    fleet: fleetToKill(
      sandbox.path,
      {
        ...{ ...COMMON, DATA_DIR: join(sandbox.path, "local") },
        LOCAL_PARAMETER_GROUPS: JSON.stringify({ another: { settings: { work_mem: "8MB" } } }),
        LOCAL_INSTANCES: JSON.stringify(
          CLUSTER_NAMES.map((identifier) => ({ identifier, tags, ...FACTS, standby: false })),
        ),
      },
      1,
    ),
  };
  const works = [rds, local];
  const requested = new Set(works.flatMap(({ requests }) => [...requests.values()].flat().map(([verb]) => verb)));
  expect([...requested].sort()).toEqual(OPERATION_DECLARATIONS.map(({ mutation }) => mutation.name).sort());
  await Promise.all(works.map(({ fleet }) => fleet.start()));
  for (const { fleet, requests, inBulk } of works) await untilAvailable(fleet, requests.size + inBulk.names.length);
  const startsBefore = await Promise.all(CLUSTER_NAMES.map(startsOf));

  const [ofRds, ofLocal] = await Promise.all([operateAll(rds), operateAll(local)]);
  const operations = [ofRds, ofLocal].map(({ all }) => [...all.values()].flat());
  const counts = operations.map((each) => Object.entries(Object.groupBy(each, ({ status }) => status)));
  const said = counts.map((each) => each.map(([status, of]) => `${of!.length} ${status}`).join(", "));
  console.info(`RDS: ${said[0]}; open at kills: ${ofRds.openAt}. Local: ${said[1]}; open at kills: ${ofLocal.openAt}`);
  expect([ofRds.openAt.length, ofLocal.openAt.length]).toEqual([KILLS, LOCAL_KILLS]);
  expect(Math.min(...ofRds.openAt, ...ofLocal.openAt)).toBeGreaterThan(0);
  await rds.fleet.requireRecords(operations[0]!.length);
  await local.fleet.requireRecords(operations[1]!.length);
  await requireRows(rds, ofRds.all);
  await requireRows(local, ofLocal.all);

  // What AWS cannot tell times out, and what nobody came to ask for in time has not begun. AWS refuses nothing of this.
  const codes = operations[0]!.filter(({ status }) => status === "FAILED").map(({ error }) => error?.code);
  expect(codes.filter((code) => code !== "NotBegun")).toEqual([]);
  const changes = aws.calls.filter(isChange);
  for (const [name, of] of ofRds.all) requireCallsOf(name, of, changes.filter(isAbout(name)));
  expect(changes.filter((call) => ![...ofRds.all.keys()].some((name) => isAbout(name)(call)))).toEqual([]);
  const after = thereAfter(ofRds.all);
  expect(after.sure(here.look().instances.map(({ identifier }) => identifier))).toEqual(after.instances);
  expect(after.sure(here.look().snapshots.map(({ identifier }) => identifier))).toEqual(after.snapshots);

  const afterLocal = thereAfter(ofLocal.all);
  const folder = join(sandbox.path, "local", "fleet");
  expect(afterLocal.sure(await readdir(join(folder, "snapshots")))).toEqual(afterLocal.snapshots);
  if (afterLocal.isSure) expect(await readdir(join(folder, "instances"))).toHaveLength(afterLocal.instances.length);
  for (const [n, name] of CLUSTER_NAMES.entries()) {
    const restarts = ofLocal.all
      .get(name)!
      .filter(({ verb }) => ["rebootInstance", "startInstance", "modifyInstanceClass"].includes(verb));
    const succeeded = restarts.filter(({ status }) => status === "SUCCEEDED").length;
    const starts = (await startsOf(name)) - startsBefore[n]!;
    expect([name, starts, succeeded, restarts.length]).toEqual([name, succeeded, succeeded, restarts.length]);
  }
  await Promise.all(works.map(({ fleet }) => fleet.stop()));
  await aws.stop();
});
