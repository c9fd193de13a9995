/** kill -9 of Postern while an operation runs: the next start settles it, and leaves nothing half done. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test, vi } from "vitest";
import { findPostmaster } from "../../src/postgres/postmaster.js";
import { EXIT_CODES } from "../../src/start-fault.js";
import { some } from "../support/deep.js";
import { ask, ensureBuilt, oneInstance, PATIENCE_MS, type Running, signIn, startPostern } from "../support/postern.js";
import { eventually, processesIn, useSandbox } from "../support/sandbox.js";

const sandbox = useSandbox();
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });
beforeAll(ensureBuilt);

const PASSWORD = "four random words of ours";
const SETTLED_WITHIN_MS = 60_000;
const folder = (name: string) => join(sandbox.path, name);
/** A Postern with one instance, which is in the test environment. */
const start = (name: string, standby: boolean) =>
  startPostern(sandbox.path, {
    DATA_DIR: folder(name),
    DEMO: "false",
    ADMIN_PASSWORD: PASSWORD,
    LOCAL_INSTANCES: oneInstance(standby),
  });

const FLEET =
  "{ instances { nodes { identifier status members { name role } availableOperations { type allowed } } } }";
const OPERATION = (id: string) => `{ operation(id: "${id}") { status resourceStatus error { code guidance } } }`;

/** Resolves once the instance can be seen. */
const populated = (url: string, token: string) =>
  eventually(async () => (await ask(url, FLEET, token)).instances.nodes.length === 1, PATIENCE_MS);

/** Requests an operation, and waits until it runs. */
async function running(url: string, token: string, mutation: string): Promise<string> {
  const data = await ask(url, `mutation { requested: ${mutation} { operation { id } } }`, token);
  const { id } = data.requested.operation;
  await eventually(async () => (await ask(url, OPERATION(id), token)).operation.status === "RUNNING", PATIENCE_MS);
  return id;
}

/** Resolves with the operation once it has ended. */
const settled = (url: string, token: string, id: string) =>
  eventually(async () => {
    const { operation } = await ask(url, OPERATION(id), token);
    return ["SUCCEEDED", "FAILED"].includes(operation.status) && operation;
  }, SETTLED_WITHIN_MS);

const recordsOf = async (url: string, token: string, id: string): Promise<string[]> => {
  const filter = `{ resourceType: { eq: "operation" }, resourceId: { eq: "${id}" } }`;
  const { auditLogs } = await ask(url, `{ auditLogs(filter: ${filter}) { nodes { action } } }`, token);
  return auditLogs.nodes.map(({ action }: { action: string }) => action).sort();
};

/** Frozen while its database dies, it finds all in another one's hands when it wakes: it ends, and touches nothing. @returns the other one */
async function replaced(frozen: Running, name: string): Promise<Running> {
  const postmaster = (await findPostmaster(join(folder(name), "database/data")))!.pid;
  frozen.kill("SIGSTOP");
  process.kill(postmaster, "SIGKILL");
  await eventually(async () => !(await findPostmaster(join(folder(name), "database/data"))));
  const other = start(name, false);
  const { url } = await other.ready();
  const token = await signIn(url, "admin@postern.example", PASSWORD);
  await populated(url, token);
  frozen.kill("SIGCONT");
  expect(await frozen.ended()).toBe(EXIT_CODES.claimed);
  const { instances } = await ask(url, FLEET, token);
  expect(instances.nodes).toMatchObject([{ status: "available" }]);
  return other;
}

const KILLS: [who: string, what: string, group: boolean][] = [
  ["its whole process group", "failover", true],
  ["Postern alone", "snapshot", false],
];

test.each(some(KILLS, 2))("kill -9 of %s while a %s runs", async (_who, what, group) => {
  const first = start(what, what === "failover");
  const before = await first.ready();
  const token = await signIn(before.url, "admin@postern.example", PASSWORD);
  await populated(before.url, token);
  const mutation =
    what === "snapshot"
      ? 'createSnapshot(input: { instanceId: "orders-test", snapshotId: "cut-short" })'
      : 'rebootInstance(input: { instanceId: "orders-test", forceFailover: true })';
  const id = await running(before.url, token, mutation);
  if (group) first.killGroup("SIGKILL");
  else first.kill("SIGKILL");
  await first.ended();

  const second = start(what, what === "failover");
  const { url } = await second.ready();
  const operation = await settled(url, token, id);
  if (operation.status === "FAILED") expect(operation.error.guidance).not.toBe("");
  expect(await recordsOf(url, token, id)).toEqual(["operation.ended", "operation.requested"]);

  const snapshots = await readdir(join(folder(what), "fleet/snapshots"));
  expect(snapshots.filter((name) => name.includes("partial"))).toEqual([]);
  if (what === "snapshot") expect(snapshots).toEqual(operation.status === "SUCCEEDED" ? ["cut-short"] : []);

  // Whoever was hit works again: one primary, and the same operation ends well now.
  const again = await eventually(async () => {
    const { instances } = await ask(url, FLEET, token);
    return instances.nodes.every(({ status }: { status: string }) => status === "available") && instances.nodes;
  }, PATIENCE_MS);
  for (const { members } of again) {
    expect(members.filter(({ role }: { role: string }) => role === "PRIMARY")).toHaveLength(1);
  }
  const retry = mutation.replace("cut-short", "whole").replace(" })", ", waitSeconds: 60 })");
  // A standby that is being rebuilt makes it wait.
  await eventually(async () => {
    const { retried } = await ask(url, `mutation { retried: ${retry} { operation { status } } }`, token);
    return retried.operation.status === "SUCCEEDED";
  }, PATIENCE_MS);

  const last = group ? second : await replaced(second, what);
  last.kill("SIGTERM");
  expect(await last.ended()).toBe(0);
  expect(await processesIn(sandbox.path)).toEqual([]);
});
