/** A Postern is killed while it operates on RDS, each operation at another moment: its neighbour ends them all, and none has two effects. */
import { beforeAll, expect, test, vi } from "vitest";
import type { AwsCall } from "../../src/seed/aws-double/faults.js";
import { ACCOUNT, REGION, startAws } from "../support/aws.js";
import { isDeep, some } from "../support/deep.js";
import { emptyDatabase } from "../support/empty-database.js";
import { ask, ensureBuilt, PATIENCE_MS, signIn, startPostern } from "../support/postern.js";
import { eventually, useSandbox } from "../support/sandbox.js";

const sandbox = useSandbox();
vi.setConfig({ testTimeout: 240_000, hookTimeout: 60_000 });
beforeAll(ensureBuilt);

const PASSWORD = "four random words of ours";

/** What is asked for, the call that does it, and the calls before its end of which each is a moment. */
const KINDS = [
  { name: "snap", action: "CreateDBSnapshot", verb: "createSnapshot", more: {}, calls: 10 },
  { name: "boot", action: "RebootDBInstance", verb: "rebootInstance", more: {}, calls: 10 },
  {
    name: "move",
    action: "ModifyDBInstance",
    verb: "modifyBackupWindow",
    more: { backupWindow: "09:00-09:30" },
    // Fewer, because it needs no look at events or snapshots of its own.
    calls: 7,
  },
] as const;

interface Moment {
  readonly identifier: string;
  readonly kind: (typeof KINDS)[number];
  /** The call that is under way when Postern is killed. */
  readonly call: number;
  /** Whether the call arrives all the same. */
  readonly arrives: boolean;
}

const MOMENTS: readonly Moment[] = some(
  KINDS.flatMap((kind) =>
    Array.from({ length: 2 * kind.calls }, (_, n) => ({
      identifier: `${kind.name}-${n}`,
      kind,
      call: 1 + Math.floor(n / 2),
      arrives: n % 2 === 1,
    })),
  ),
  7,
);

test(`killed at ${MOMENTS.length} moments, two replicas: one end for each operation, and never two effects`, async () => {
  const { aws } = await startAws([{ accountId: ACCOUNT, name: null, regions: [REGION] }]);
  const here = aws.region(ACCOUNT, REGION);
  for (const { identifier } of MOMENTS)
    here.addInstance({ identifier, tags: { Environment: "Test" }, retentionDays: 0 });
  const resourceIds = new Map(here.look().instances.map(({ identifier, resourceId }) => [identifier, resourceId]));
  const { environment } = await emptyDatabase();
  const polling = { intervalMs: 200, attempts: isDeep ? 300 : 150 };
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
  const list = "{ instances(first: 100) { nodes { identifier } } }";
  await eventually(async () => (await ask(url, list, token)).instances.nodes.length === MOMENTS.length, PATIENCE_MS);

  const concerns = (identifier: string) => {
    const names = new Set([identifier, resourceIds.get(identifier)!, `${identifier}-s`]);
    return ({ parameters }: AwsCall) => Object.values(parameters).some((value) => names.has(value));
  };
  const holds = MOMENTS.map(({ identifier, call, arrives }) => {
    const rule = { when: concerns(identifier), skip: call - 1, times: 1 };
    const hold = aws.fault({ ...rule, as: "delay" });
    if (!arrives) aws.fault({ ...rule, as: "lose-call" });
    return hold;
  });
  const ids = await Promise.all(
    MOMENTS.map(async ({ identifier, kind: { verb, more } }) => {
      const snapshotId = verb === "createSnapshot" ? { snapshotId: `${identifier}-s` } : {};
      const input = JSON.stringify({ instanceId: identifier, ...snapshotId, ...more }).replace(/"(\w+)":/g, "$1:");
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
  const fields = "id status success settledAt error { code } instance { identifier }";
  const operations = await eventually(async () => {
    aws.clock.advance(5_000);
    const { operations } = await ask(next, `{ operations(first: 100) { nodes { ${fields} endedAt } } }`, token);
    return operations.nodes.every(({ endedAt }: { endedAt: string | null }) => endedAt !== null) && operations.nodes;
  }, 150_000);

  expect(operations.map(({ id }: { id: string }) => id).sort()).toEqual([...ids].sort());
  for (const { identifier, kind } of MOMENTS) {
    const operation = operations.find(
      (each: { instance: { identifier: string } }) => each.instance.identifier === identifier,
    );
    const isMeant = concerns(identifier);
    const done = aws.calls.filter((call) => call.action === kind.action && call.done && isMeant(call)).length;
    // A snapshot's name makes a second question harmless; of the others, one that is not seen is not repeated so soon.
    const expected = done === 1 ? "SUCCEEDED" : kind.name === "snap" ? "SUCCEEDED, once" : "TIMED_OUT";
    expect([identifier, operation.status, done <= 1], `${identifier} ${done}`).toEqual([identifier, expected, true]);
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
