/** A Postern is killed while it operates on RDS, each operation at another moment: its neighbour ends them all, and none has two effects. */
import { beforeAll, expect, test, vi } from "vitest";
import type { AwsCall } from "../../src/seed/aws-double/faults.js";
import { PASSWORD } from "../support/app.js";
import { ACCOUNT, REGION, startAws } from "../support/aws.js";
import { isDeep, some } from "../support/deep.js";
import { startedDatabase } from "../support/empty-database.js";
import { ask, ensureBuilt, PATIENCE_MS, signIn, startPostern } from "../support/postern.js";
import { eventually, useSandbox } from "../support/sandbox.js";

const sandbox = useSandbox();
vi.setConfig({ testTimeout: 240_000, hookTimeout: 60_000 });
beforeAll(ensureBuilt);

/** What is asked for, the call that does it, and the first of the calls before its end of which each is a moment. */
interface Kind {
  readonly name: string;
  readonly action: string;
  readonly verb: "createSnapshot" | "rebootInstance" | "modifyBackupWindow";
  readonly more: object;
  readonly first: number;
  readonly ofCluster: boolean;
  /** Whether a question that was lost is repeated as soon as that is seen. */
  readonly isRepeated: boolean;
}
const alone = { first: 1, ofCluster: false };
// A look at a member takes three calls, so that the one that matters comes later.
const ofCluster = { first: 6, ofCluster: true };
// A name makes a second question harmless.
const snapshot = { verb: "createSnapshot", more: {}, isRepeated: true } as const;
/** Backups must not be under way, and a change of the window must change it: all windows are hours away, and from each other. */
const hoursAway = (hours: number) => {
  const hour = String((new Date().getUTCHours() + hours) % 24).padStart(2, "0");
  return `${hour}:00-${hour}:30`;
};
const maintenanceWindow = hoursAway(16)
  .split("-")
  .map((time) => `sun:${time}`)
  .join("-");
const windowChange = { verb: "modifyBackupWindow", more: { backupWindow: hoursAway(12) }, isRepeated: false } as const;
const reboot = { verb: "rebootInstance", more: {}, isRepeated: false } as const;

const OF_INSTANCES: readonly Kind[] = [
  { name: "snap", action: "CreateDBSnapshot", ...snapshot, ...alone },
  { name: "boot", action: "RebootDBInstance", ...reboot, ...alone },
  { name: "move", action: "ModifyDBInstance", ...windowChange, ...alone },
];
const OF_CLUSTERS: readonly Kind[] = [
  { name: "all-snap", action: "CreateDBClusterSnapshot", ...snapshot, ...ofCluster },
  { name: "all-over", action: "FailoverDBCluster", ...reboot, more: { forceFailover: true }, ...ofCluster },
  { name: "all-move", action: "ModifyDBCluster", ...windowChange, ...ofCluster },
];
const MOMENTS_OF_EACH = 20;

interface Moment {
  /** The name of the instance, or of the cluster. */
  readonly identifier: string;
  /** The instance that it is requested on. */
  readonly instance: string;
  readonly kind: Kind;
  /** The call that is under way when Postern is killed. */
  readonly call: number;
  /** Whether the call arrives all the same. */
  readonly arrives: boolean;
}

const momentsOf = (kinds: readonly Kind[]): readonly Moment[] =>
  some(
    kinds.flatMap((kind) =>
      Array.from({ length: MOMENTS_OF_EACH }, (_, n) => ({
        identifier: `${kind.name}-${n}`,
        instance: kind.ofCluster ? `${kind.name}-${n}-a` : `${kind.name}-${n}`,
        kind,
        call: kind.first + Math.floor(n / 2),
        arrives: n % 2 === 1,
      })),
    ),
    9,
  );

// In the long form there are too many for one process at once.
test.each(
  (isDeep ? [OF_INSTANCES, OF_CLUSTERS] : [[...OF_INSTANCES, ...OF_CLUSTERS]]).map((kinds) => {
    const moments = momentsOf(kinds);
    return { moments, count: moments.length };
  }),
)("killed at $count moments, two replicas: one end for each operation, and never two effects", async ({ moments }) => {
  const { aws } = await startAws([{ accountId: ACCOUNT, name: null, regions: [REGION] }]);
  const here = aws.region(ACCOUNT, REGION);
  const added = { tags: { Environment: "Test" }, maintenanceWindow, backupWindow: hoursAway(8) };
  for (const { identifier, instance, kind } of moments) {
    const members = [instance, `${identifier}-b`].map((identifier) => ({ identifier, ...added }));
    if (kind.ofCluster) here.addCluster({ identifier, ...added, members });
    else here.addInstance({ identifier, ...added, retentionDays: 0 });
  }
  const resourceIds = new Map(here.look().instances.map(({ identifier, resourceId }) => [identifier, resourceId]));
  const { environment } = await startedDatabase();
  const polling = { intervalMs: 200, attempts: 300 };
  const settings = {
    ...environment,
    DEMO: "true",
    DEMO_PASSWORD: PASSWORD,
    AWS_ENDPOINT_URL: aws.url,
    AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
    AWS_ACCOUNTS: JSON.stringify([{ accountId: ACCOUNT, regions: [REGION] }]),
    OPERATION_POLLING: JSON.stringify({
      "aws-rds": { CREATE_SNAPSHOT: polling, REBOOT_INSTANCE: polling, MODIFY_BACKUP_WINDOW: polling },
    }),
  };
  const dying = startPostern(sandbox.path, settings);
  const { url } = await dying.ready();
  const token = await signIn(url, "dba@demo.example", PASSWORD);
  const list = "{ instances { totalCount } }";
  const instances = resourceIds.size;
  await eventually(async () => (await ask(url, list, token)).instances.totalCount === instances, PATIENCE_MS);

  const concerns = ({ identifier, instance }: Moment) => {
    const names = new Set([identifier, instance, resourceIds.get(instance)!, `${identifier}-s`]);
    return ({ parameters }: AwsCall) => Object.values(parameters).some((value) => names.has(value));
  };
  const holds = moments.map((moment) => {
    const { call, arrives } = moment;
    const rule = { when: concerns(moment), skip: call - 1, times: 1 };
    const hold = aws.fault({ ...rule, as: "delay" });
    if (!arrives) aws.fault({ ...rule, as: "lose-call" });
    return hold;
  });
  const ids = await Promise.all(
    moments.map(async ({ identifier, instance, kind: { verb, more } }) => {
      const snapshotId = verb === "createSnapshot" ? { snapshotId: `${identifier}-s` } : {};
      const input = JSON.stringify({ instanceId: instance, ...snapshotId, ...more }).replace(/"(\w+)":/g, "$1:");
      return (await ask(url, `mutation { ${verb}(input: ${input}) { operation { id } } }`, token))[verb].operation.id;
    }),
  );
  // While AWS's time stands, nothing ends; so every operation comes to its moment.
  await eventually(() => holds.every(({ hits }) => hits === 1), PATIENCE_MS);
  const other = startPostern(sandbox.path, settings);
  await other.ready();
  dying.kill("SIGKILL");
  await dying.ended();
  for (const hold of holds) hold.end();

  const next = (await other.ready()).url;
  const fields = "id status error { code message }";
  const operations = await eventually(
    async () => {
      aws.clock.advance(20_000);
      const { operations } = await ask(next, `{ operations(first: 100) { nodes { ${fields} endedAt } } }`, token);
      return operations.nodes.every(({ endedAt }: { endedAt: string | null }) => endedAt !== null) && operations.nodes;
    },
    150_000,
    200,
  );

  expect(operations.map(({ id }: { id: string }) => id).sort()).toEqual([...ids].sort());
  for (const [n, moment] of moments.entries()) {
    const { identifier, kind } = moment;
    const operation = operations.find(({ id }: { id: string }) => id === ids[n]);
    const isMeant = concerns(moment);
    const done = aws.calls.filter((call) => call.action === kind.action && call.done && isMeant(call)).length;
    const expected = done === 1 ? "SUCCEEDED" : kind.isRepeated ? "SUCCEEDED, once" : "TIMED_OUT";
    const seen = `${identifier} ${done} ${JSON.stringify(operation.error)}`;
    expect([identifier, operation.status, done <= 1], seen).toEqual([identifier, expected, true]);
    const filter = `{ resourceType: { eq: "operation" }, resourceId: { eq: "${operation.id}" } }`;
    const admin = await signIn(next, "admin@demo.example", PASSWORD);
    const { auditLogs } = await ask(next, `{ auditLogs(filter: ${filter}) { nodes { action } } }`, admin);
    const actions = auditLogs.nodes.map(({ action }: { action: string }) => action).sort();
    expect(actions.filter((action: string) => action !== "operation.settled")).toEqual([
      "operation.ended",
      "operation.requested",
    ]);
  }
  other.kill("SIGTERM");
  expect(await other.ended()).toBe(0);
  await aws.stop();
});
