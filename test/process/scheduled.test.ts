/** kill -9 of Postern when the time of scheduled operations comes: the next one ends each as it should, and none has two effects. */
import { beforeAll, expect, test, vi } from "vitest";
import { EMAILS, PASSWORD } from "../support/app.js";
import { ACCOUNT, REGION, startAws } from "../support/aws.js";
import { startedDatabase } from "../support/empty-database.js";
import { ask, ensureBuilt, PATIENCE_MS, signIn, startPostern } from "../support/postern.js";
import { eventually, useSandbox } from "../support/sandbox.js";

const sandbox = useSandbox();
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });
beforeAll(ensureBuilt);

/** What becomes of the operation on each instance. */
const EXPECTED = { asked: "SUCCEEDED", due: "SUCCEEDED", late: "EXPIRED", ahead: "SCHEDULED" };

test("killed while it asks for one whose time has come, and down when that of others comes", async () => {
  const { aws } = await startAws([{ accountId: ACCOUNT, name: null, regions: [REGION] }]);
  const names = Object.keys(EXPECTED);
  for (const identifier of names)
    aws.region(ACCOUNT, REGION).addInstance({ identifier, tags: { Environment: "Test" }, retentionDays: 0 });
  const { sql, environment } = await startedDatabase();
  const settings = {
    ...environment,
    DEMO: "false",
    AWS_ENDPOINT_URL: aws.url,
    AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
    AWS_ACCOUNTS: JSON.stringify([{ accountId: ACCOUNT, regions: [REGION] }]),
    OPERATION_POLLING: JSON.stringify({ "aws-rds": { CREATE_SNAPSHOT: { intervalMs: 200, attempts: 150 } } }),
  };
  const dying = startPostern(sandbox.path, settings);
  const { url } = await dying.ready();
  const token = await signIn(url, EMAILS.admin, PASSWORD);
  await eventually(
    async () => (await ask(url, "{ instances { totalCount } }", token)).instances.totalCount === names.length,
    PATIENCE_MS,
  );
  const hold = aws.fault({ as: "delay", action: "CreateDBSnapshot", times: 1 });
  const runAt = new Date(Date.now() + 3_600_000).toISOString();
  for (const name of names) {
    const input = `{ instanceId: "${name}", snapshotId: "of-${name}", runAt: "${runAt}" }`;
    await ask(url, `mutation { createSnapshot(input: ${input}) { operation { id } } }`, token);
  }
  const comes = (name: string, minutesAgo: number) =>
    sql`update operations set run_at = now() - ${minutesAgo} * interval '1 minute' where parameters ->> 'snapshotId' = ${`of-${name}`}`;
  await comes("asked", 0);
  await eventually(() => hold.hits === 1, PATIENCE_MS);
  dying.kill("SIGKILL");
  await dying.ended();
  hold.end();
  // Time passes while nobody is there, and with it the lease of the one that was killed.
  await sql`update operations set lease_until = now() where status = 'RUNNING'`;
  await comes("due", 14);
  await comes("late", 16);

  const next = startPostern(sandbox.path, settings);
  await next.ready();
  const found = () => sql`
    select i.identifier, o.status, (
      select array_agg(action order by a.id) from audit_logs a where resource_type = 'operation' and resource_id = o.id::text) as actions
    from operations o join instances i on i.id = o.instance_id`;
  const ended = await eventually(async () => {
    aws.clock.advance(5_000);
    const rows = await found();
    return rows.every(({ status }) => !["RUNNING", "QUEUED"].includes(status)) && rows;
  }, PATIENCE_MS);
  expect(Object.fromEntries(ended.map(({ identifier, status }) => [identifier, status]))).toEqual(EXPECTED);
  for (const { identifier, actions } of ended) {
    expect(actions).toEqual(["operation.requested", ...(identifier === "ahead" ? [] : ["operation.ended"])]);
  }
  const taken = aws.calls.filter(({ action, done }) => action === "CreateDBSnapshot" && done);
  expect(taken.map(({ parameters }) => parameters.DBSnapshotIdentifier).sort()).toEqual(["of-asked", "of-due"]);
  next.kill("SIGTERM");
  expect(await next.ended()).toBe(0);
  await aws.stop();
});
