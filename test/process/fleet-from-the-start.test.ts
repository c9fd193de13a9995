/** The fleet is there when Postern says that it is ready: instances that are made or started still are listed, and take operations. */
import { join } from "node:path";
import { beforeAll, expect, test, vi } from "vitest";
import { isDeep } from "../support/deep.js";
import { ask, ensureBuilt, oneInstance, PATIENCE_MS, signIn, startPostern } from "../support/postern.js";
import { eventually, processesIn, useSandbox } from "../support/sandbox.js";

const sandbox = useSandbox();
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });
beforeAll(ensureBuilt);

const PASSWORD = "four random words of ours";
/** Operations have less time than making an instance takes. */
const SHORT = { local: { CREATE_SNAPSHOT: { intervalMs: 100, attempts: 15 } } };
const start = (environment = "Test") =>
  startPostern(sandbox.path, {
    DATA_DIR: join(sandbox.path, "data"),
    DEMO: "false",
    ADMIN_PASSWORD: PASSWORD,
    LOCAL_INSTANCES: oneInstance(true).replace("Test", environment),
    OPERATION_POLLING: JSON.stringify(SHORT),
  });
const FLEET = "{ instances { nodes { id status availableOperations { type allowed } } } }";
const copy = (url: string, token: string, name: string, waitSeconds: number) =>
  ask(
    url,
    `mutation { createSnapshot(input: { instanceId: "orders-test", snapshotId: "${name}", waitSeconds: ${waitSeconds} }) {
      operation { id status error { code message } requestedAt startedAt instance { id } } } }`,
    token,
  );

test.runIf(isDeep)(
  "at once, while they are made, after a kill, when they are started again, and as configuration says then",
  async () => {
    const first = start();
    const one = await first.ready();
    const token = await signIn(one.url, "admin@postern.example", PASSWORD);
    const [made] = (await ask(one.url, FLEET, token)).instances.nodes;
    expect(made.status).toBe("creating");
    const refused = made.availableOperations.filter(({ allowed }: { allowed: boolean }) => !allowed);
    expect(refused).toEqual([{ type: "START_INSTANCE", allowed: false }]);
    const { operation } = (await copy(one.url, token, "first", 0)).createSnapshot;
    expect(operation).toMatchObject({ status: "QUEUED", startedAt: null });
    first.killGroup("SIGKILL");
    await first.ended();

    const second = start();
    const two = await second.ready();
    expect((await ask(two.url, FLEET, token)).instances.nodes).toMatchObject([{ id: made.id, status: "creating" }]);
    const later = (await copy(two.url, token, "second", 60)).createSnapshot.operation;
    expect(later).toMatchObject({ status: "SUCCEEDED", error: null, instance: { id: made.id } });
    expect(Date.parse(later.startedAt) - Date.parse(later.requestedAt)).toBeGreaterThan(1000);
    const earlier = await ask(two.url, `{ operation(id: "${operation.id}") { status } }`, token);
    expect(earlier.operation.status).toBe("SUCCEEDED");
    second.kill("SIGKILL");
    await second.ended();

    const third = start();
    const three = await third.ready();
    const [started] = (await ask(three.url, FLEET, token)).instances.nodes;
    expect(started.id).toBe(made.id);
    expect(["starting", "available"]).toContain(started.status);
    expect((await copy(three.url, token, "third", 60)).createSnapshot.operation.status).toBe("SUCCEEDED");
    third.kill("SIGTERM");
    expect(await third.ended()).toBe(0);

    // Another configuration counts from the first moment, and is on record.
    const fourth = start("Production");
    const four = await fourth.ready();
    await expect(copy(four.url, token, "fourth", 0)).rejects.toThrow("Operations not allowed on production instances.");
    const CONFIGURED =
      '{ auditLogs(filter: { action: { eq: "instance.configure" } }) { nodes { actor resourceId result } } }';
    const { nodes } = await eventually(async () => {
      const { auditLogs } = await ask(four.url, CONFIGURED, token);
      return auditLogs.nodes.length > 0 && auditLogs;
    }, PATIENCE_MS);
    const tags = (value: string) => [{ key: "Environment", value }];
    const changes = { tags: { from: tags("Test"), to: tags("Production") } };
    expect(nodes).toEqual([
      { actor: { type: "system", name: "configuration" }, resourceId: made.id, result: { changes } },
    ]);
    fourth.kill("SIGTERM");
    expect(await fourth.ended()).toBe(0);
    expect(await processesIn(sandbox.path)).toEqual([]);
  },
);
