/** Operations on RDS and on real clusters while Posterns are killed at random: each is done once, with exactly its records, and rows are true. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { PASSWORD } from "../support/app.js";
import { ACCOUNT, REGION, startAws } from "../support/aws.js";
import { cases } from "../support/deep.js";
import { startedDatabase } from "../support/empty-database.js";
import { ensureBuilt, PATIENCE_MS, type Running, signIn, startPostern } from "../support/postern.js";
import { eventually, useSandbox } from "../support/sandbox.js";

const [INSTANCES, CLUSTERS, KILLS] = [cases(6, 20), cases(1, 3), cases(2, 20)];
const sandbox = useSandbox();
vi.setConfig({ testTimeout: cases(120_000, 900_000), hookTimeout: 60_000 });
beforeAll(ensureBuilt);

const EMAIL = "root@postern.example";
// biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not computed with
type Json = any;

/** All instances are asked at once: more often they would only keep the machine from working. */
const AT_LEISURE = [2 * PATIENCE_MS, 400] as const;
const ENDED = ["SUCCEEDED", "FAILED", "TIMED_OUT", "CANCELLED", "EXPIRED"];

/** What is requested on an instance, one after the other. */
const requestsOn = (name: string): [verb: string, more: object][] => {
  const all: [string, object][] = [
    ["createSnapshot", { snapshotId: `${name}-s0` }],
    ["rebootInstance", {}],
    ["restoreSnapshot", { snapshotId: `${name}-s0`, identifier: `${name}-copy` }],
    ["createSnapshot", { snapshotId: `${name}-s1` }],
    ["deleteSnapshot", { snapshotId: `${name}-s1` }],
    ["modifyBackupWindow", { backupWindow: "10:15-10:45" }],
    ["stopInstance", {}],
    ["startInstance", {}],
    ["rebootInstance", {}],
    ["createSnapshot", { snapshotId: `${name}-s2` }],
  ];
  return all.slice(0, cases(4, all.length));
};

/** Posterns that share a database. Whoever asks them asks another one, or again, where one does not answer. */
function fleetOf(settings: Record<string, string>, replicas: number) {
  const running: Running[] = [];
  const urls: string[] = [];
  let token = "";
  let turn = 0;
  const begin = async (n: number) => {
    running[n] = startPostern(sandbox.path, settings);
    urls[n] = (await running[n].ready()).url;
  };
  /** @returns the data, or the code of a refusal */
  const ask = (query: string, variables: object = {}): Promise<{ data?: Json; code?: string }> =>
    eventually(async () => {
      const url = urls[turn++ % urls.length];
      const body = JSON.stringify({ query, variables });
      const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
      const response = await fetch(`${url}/graphql`, { method: "POST", headers, body }).catch(() => null);
      const answer = ((await response?.json().catch(() => null)) ?? null) as { data: Json; errors?: Json[] } | null;
      const code = answer?.errors?.[0]?.extensions?.code;
      return answer !== null && code !== "UNAVAILABLE" && { data: answer?.data, code };
    }, PATIENCE_MS);
  return {
    ask,
    async start() {
      await begin(0);
      for (let n = 1; n < replicas; n++) await begin(n);
      token = await signIn(urls[0]!, EMAIL, PASSWORD);
    },
    async kill(n: number) {
      running[n % replicas]!.kill("SIGKILL");
      await running[n % replicas]!.ended();
      await begin(n % replicas);
    },
    async stop() {
      for (const each of running) each.kill("SIGTERM");
      expect(await Promise.all(running.map((each) => each.ended()))).toEqual(running.map(() => 0));
    },
    /** Requests everything on an instance. @returns the operations, as they ended */
    async operate(name: string): Promise<Json[]> {
      const operations: Json[] = [];
      for (const [n, [verb, more]] of requestsOn(name).entries()) {
        const type = `${verb[0]!.toUpperCase()}${verb.slice(1)}Input`;
        const input = { instanceId: name, idempotencyKey: `${name}-${n}-of-kills`, ...more };
        const requested = `mutation($input: ${type}!) { requested: ${verb}(input: $input) { operation { id } } }`;
        // Who is killed between an end and the look after it leaves the status as it was, until the next look, within a minute.
        const { data, code } = await eventually(
          async () => {
            const answer = await ask(requested, { input });
            return answer.code !== "FAILED_PRECONDITION" && answer;
          },
          ...AT_LEISURE,
        );
        expect([name, verb, code]).toEqual([name, verb, undefined]);
        const query = `{ operation(id: "${data.requested.operation.id}") { id type status error { code message } } }`;
        const operation = await eventually(
          async () => {
            const now = (await ask(query)).data?.operation;
            return ENDED.includes(now?.status) && now;
          },
          ...AT_LEISURE,
        );
        operations.push({ ...operation, verb, more });
        // Nobody knows whether AWS was asked: what comes next would wait for an hour.
        if (operation.status !== "SUCCEEDED") break;
      }
      return operations;
    },
    async listed(field: string, fields: string): Promise<Json[]> {
      return (await ask(`{ ${field}(first: 100) { nodes { ${fields} } } }`)).data[field].nodes;
    },
    /** Every operation has exactly its records. */
    async requireRecords(count: number) {
      const [from, to] = [-86_400_000, 86_400_000].map((ms) => new Date(Date.now() + ms).toISOString());
      const range = `from: "${from}", to: "${to}", by: MONTH`;
      const { data } = await ask(`{ operationMetrics(${range}) { requested incompleteAudits } }`);
      const sum = (name: string) => data.operationMetrics.reduce((sum: number, each: Json) => sum + each[name], 0);
      expect([sum("requested"), sum("incompleteAudits")]).toEqual([count, 0]);
    },
  };
}

const pace = { intervalMs: 200, attempts: 200 };
const OPERATION_POLLING = JSON.stringify(
  Object.fromEntries(
    ["aws-rds", "local"].map((name) => [
      name,
      Object.fromEntries(
        ["CREATE_SNAPSHOT", "REBOOT_INSTANCE", "MODIFY_BACKUP_WINDOW", "DELETE_SNAPSHOT", "RESTORE_SNAPSHOT"]
          .concat("STOP_INSTANCE", "START_INSTANCE")
          .map((type) => [type, pace]),
      ),
    ]),
  ),
);
const COMMON = {
  ...{ DEMO: "false", ADMIN_EMAIL: EMAIL, ADMIN_PASSWORD: PASSWORD },
  ...{ OPERATION_POLLING, BACKUP_CATCH_UP: "false" },
};

/** Hours from now, so that no backup is under way. */
const backupWindow = [16, 17].map((hours) => `${String((new Date().getUTCHours() + hours) % 24).padStart(2, "0")}:00`);

test(`${KILLS} kills while two replicas operate on ${INSTANCES} instances of RDS, and one on ${CLUSTERS} clusters`, async () => {
  const { aws } = await startAws([{ accountId: ACCOUNT, name: null, regions: [REGION] }]);
  const here = aws.region(ACCOUNT, REGION);
  const rdsNames = Array.from({ length: INSTANCES }, (_, n) => `rds-${n}`);
  for (const identifier of rdsNames) here.addInstance({ identifier, tags: { Environment: "Test" }, retentionDays: 0 });
  const time = setInterval(() => aws.clock.advance(15_000), 100);
  onTestFinished(() => clearInterval(time));
  const { environment } = await startedDatabase();
  const rds = fleetOf(
    {
      ...{ ...environment, ...COMMON, AWS_ENDPOINT_URL: aws.url },
      AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
      AWS_ACCOUNTS: JSON.stringify([{ accountId: ACCOUNT, regions: [REGION] }]),
    },
    2,
  );
  const localNames = Array.from({ length: CLUSTERS }, (_, n) => `cluster-${n}`);
  const facts = { tags: { Environment: "Test" }, maintenanceWindow: "sun:05:00-sun:06:00", standby: false };
  const LOCAL_INSTANCES = JSON.stringify(
    localNames.map((identifier) => ({ identifier, ...facts, backupWindow: backupWindow.join("-") })),
  );
  const local = fleetOf({ ...COMMON, DATA_DIR: join(sandbox.path, "local"), LOCAL_INSTANCES }, 1);
  await Promise.all([rds.start(), local.start()]);
  for (const [fleet, names] of [
    [rds, rdsNames],
    [local, localNames],
  ] as const) {
    await eventually(async () => {
      const nodes = await fleet.listed("instances", "status");
      return nodes.length === names.length && nodes.every(({ status }) => status === "available");
    }, PATIENCE_MS);
  }

  let isOver = false;
  let kills = 0;
  const killing = (async () => {
    for (let n = 0; n < KILLS && !isOver; n++) {
      await new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 800));
      await (n % 3 === 1 ? local.kill(0) : rds.kill(Math.floor(Math.random() * 2)));
      kills += 1;
    }
  })();
  const [ofRds, ofLocal] = await Promise.all([
    Promise.all(rdsNames.map((name) => rds.operate(name))),
    Promise.all(localNames.map((name) => local.operate(name))),
  ]);
  isOver = true;
  await killing;

  const statuses = [...ofRds, ...ofLocal].flat().reduce<Record<string, number>>((counts, { status }) => {
    return Object.assign(counts, { [status]: (counts[status] ?? 0) + 1 });
  }, {});
  console.info(`${kills} kills: ${JSON.stringify(statuses)}`);
  expect(kills).toBeGreaterThan(1);
  await rds.requireRecords(ofRds.flat().length);
  await local.requireRecords(ofLocal.flat().length);

  // What has timed out may have been done, or not.
  const unsure = new Set(
    [...ofRds, ...ofLocal]
      .flat()
      .filter(({ status }) => status === "TIMED_OUT")
      .flatMap(({ more }) => Object.values(more)),
  );
  const sure = (names: readonly string[]) => names.filter((name) => !unsure.has(name)).sort();
  /** The names of what is there after these operations. */
  const thereAfter = (operations: Json[], verb: string, name: string) =>
    operations
      .filter((each) => each.verb === verb && each.status === "SUCCEEDED")
      .map(({ more }) => more[name] as string);
  const snapshotsAfter = (operations: Json[]) => {
    const deleted = new Set(thereAfter(operations, "deleteSnapshot", "snapshotId"));
    return sure(thereAfter(operations, "createSnapshot", "snapshotId").filter((each) => !deleted.has(each)));
  };
  const instancesAfter = (names: string[], operations: Json[]) =>
    sure([...names, ...thereAfter(operations, "restoreSnapshot", "identifier")]);
  const rowsOf = async (fleet: typeof rds) => {
    const snapshots = await fleet.listed("snapshots", "identifier status");
    const instances = await fleet.listed("instances", "identifier gone");
    return [
      sure(snapshots.filter(({ status }) => status !== "deleted").map(({ identifier }) => identifier)),
      sure(instances.filter(({ gone }) => !gone).map(({ identifier }) => identifier)),
    ];
  };
  expect(await rowsOf(rds)).toEqual([snapshotsAfter(ofRds.flat()), instancesAfter(rdsNames, ofRds.flat())]);
  expect(await rowsOf(local)).toEqual([snapshotsAfter(ofLocal.flat()), instancesAfter(localNames, ofLocal.flat())]);
  const fleet = join(sandbox.path, "local", "fleet");
  expect(sure(await readdir(join(fleet, "snapshots")))).toEqual(snapshotsAfter(ofLocal.flat()));
  if (unsure.size === 0)
    expect(await readdir(join(fleet, "instances"))).toHaveLength(instancesAfter(localNames, ofLocal.flat()).length);
  expect(sure(here.look().instances.map(({ identifier }) => identifier))).toEqual(
    instancesAfter(rdsNames, ofRds.flat()),
  );
  expect(sure(here.look().snapshots.map(({ identifier }) => identifier))).toEqual(snapshotsAfter(ofRds.flat()));

  const CALLS: Record<string, string> = {
    ...{ createSnapshot: "CreateDBSnapshot", deleteSnapshot: "DeleteDBSnapshot", rebootInstance: "RebootDBInstance" },
    ...{ restoreSnapshot: "RestoreDBInstanceFromDBSnapshot", modifyBackupWindow: "ModifyDBInstance" },
    ...{ stopInstance: "StopDBInstance", startInstance: "StartDBInstance" },
  };
  for (const [verb, action] of Object.entries(CALLS)) {
    const of = ofRds.flat().filter((each) => each.verb === verb);
    const succeeded = of.filter(({ status }) => status === "SUCCEEDED").length;
    const done = aws.calls.filter((call) => call.action === action && call.done).length;
    // What has timed out was done at most once.
    expect([verb, done >= succeeded, done <= of.length], `${done} of ${of.length}`).toEqual([verb, true, true]);
  }
  await Promise.all([rds.stop(), local.stop()]);
  await aws.stop();
});
