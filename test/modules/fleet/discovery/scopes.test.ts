/** Scopes that fail: how long a look may take, what of it counts all the same, since when it fails and why, and what becomes of their findings. */
import { beforeAll, expect, it } from "vitest";
import { providerUnavailable } from "../../../../src/errors.js";
import type { ProviderScope, SnapshotDescription } from "../../../../src/providers/provider.js";
import { type Client, testApp } from "../../../support/app.js";
import { hasten } from "../../../support/fleet-app.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";

const provider = scriptedProvider();
const FIRST = { accountId: "a", region: "r-1", name: "first" };
const SECOND = { accountId: "a", region: "r-2", name: "second" };
type Way = () => Promise<void>;
const well: Way = async () => undefined;
/** What listing the second scope comes to, and its snapshots. */
let listing = well;
let snapshots = well;
Object.assign(provider, {
  scopes: [FIRST, SECOND],
  discovery: { everySeconds: 3600, snapshotsEverySeconds: 60 },
  async list({ region }: ProviderScope) {
    if (region === SECOND.region) await listing();
    return [...provider.instances.values()].filter((instance) => instance.region === region);
  },
  async listScopeSnapshots({
    region,
  }: ProviderScope): Promise<{ providerId: string; snapshot: SnapshotDescription }[]> {
    if (region === SECOND.region) await snapshots();
    return [];
  },
});
const at = ({ accountId, region }: typeof FIRST) => ({ accountId, region });
provider.add("one", at(FIRST));
provider.add("two", at(SECOND));

const app = testApp({ DISCOVERY_SCOPE_SECONDS: "2", ...polling({ scripted: 600 }) }, async () => [provider]);
let dba: Client;
beforeAll(async () => {
  dba = await app.as("dba");
});

/** As `state`, after another run. */
async function discovered() {
  // The snapshots are due each time.
  await app.sql`update scopes set snapshots_listed_at = now() - interval '1 hour'`;
  await hasten(app, "inventory-scripted");
  return state();
}

/** @returns the scope that may fail, the instances in it, and the last run */
async function state() {
  const { data, errors } = await dba.run(`{
    scopes(orderBy: { field: REGION }) { nodes { region name state lastSuccessAt failingSince lastError { code message } findings { nodes { id kind detail resolvedAt } } } }
    instances(filter: { region: { eq: "r-2" } }, orderBy: { field: IDENTIFIER }) { nodes { identifier gone lastSeenAt scope { region } } }
    discoveryRuns(first: 1) { nodes { found gone failedScopes endedAt } }
  }`);
  expect(errors).toBeUndefined();
  const [first, second] = data.scopes.nodes;
  const [run] = data.discoveryRuns.nodes;
  expect([first.state, first.lastError, run.endedAt === null]).toEqual(["LISTED", null, false]);
  return { second, instances: data.instances.nodes, run };
}

it("one that takes too long is given up, and keeps what was known; another fault says since when, and why now", async () => {
  const before = await discovered();
  expect(before.second).toMatchObject({ state: "LISTED", failingSince: null, findings: { nodes: [] } });
  listing = provider.never;
  const late = await discovered();
  provider.release();
  expect(late.run).toMatchObject({ found: 1, gone: 0, failedScopes: 1 });
  expect(late.second).toMatchObject({ state: "FAILING", lastError: { code: "TimedOut" } });
  expect(late.instances).toEqual(before.instances);
  expect(late.second.lastSuccessAt).toBe(before.second.lastSuccessAt);
  const [opened] = late.second.findings.nodes;
  expect(opened).toMatchObject({ detail: late.second.lastError.message, resolvedAt: null });

  listing = async () => Promise.reject(providerUnavailable("AccessDenied", "AWS answers AccessDenied."));
  const denied = await discovered();
  expect(denied.second).toMatchObject({
    lastError: { code: "AccessDenied" },
    failingSince: late.second.failingSince,
    findings: { nodes: [{ ...opened, detail: "AWS answers AccessDenied." }] },
  });
  listing = well;
  expect((await discovered()).second).toMatchObject({ state: "LISTED", failingSince: null, lastError: null });
});

it("where only the snapshots cannot be listed, the instances count, new and gone ones too, and the scope says so", async () => {
  provider.add("three", at(SECOND));
  provider.instances.delete("two");
  snapshots = async () => Promise.reject(providerUnavailable("Throttled", "AWS answers Throttling."));
  const { second, instances, run } = await discovered();
  snapshots = well;
  expect(second).toMatchObject({
    state: "FAILING",
    lastError: { code: "Throttled", message: "Its snapshots are not listed: AWS answers Throttling." },
  });
  expect(instances).toMatchObject([
    { identifier: "three", gone: false },
    { identifier: "two", gone: true },
  ]);
  expect(run).toMatchObject({ found: 2, gone: 1, failedScopes: 1 });
});

it("the finding of a scope that is configured no more ends; an account that is called otherwise is so here", async () => {
  listing = async () => Promise.reject(providerUnavailable("AccessDenied", "AWS answers AccessDenied."));
  expect((await discovered()).second.findings.nodes[0]).toMatchObject({ resolvedAt: null });
  listing = well;
  const configured = async (...scopes: object[]) => {
    Object.assign(provider, { scopes });
    const replica = await app.replica();
    await replica.stop();
    return (await state()).second;
  };
  const second = await configured(FIRST);
  expect(second).toMatchObject({ state: "REMOVED", lastError: null, failingSince: null });
  const removed = { kind: "scope_removed", resolvedAt: null };
  const resolved = { kind: "scope_not_listed", resolvedAt: expect.any(String) };
  expect(second.findings.nodes.slice(0, 2)).toMatchObject([removed, resolved]);
  expect(await configured(FIRST, { ...SECOND, name: "renamed" })).toMatchObject({ state: "LISTED", name: "renamed" });
});

it("an instance that is operated stays in its own region; one from before scopes gets its own, and goes with it", async () => {
  const { data } = await dba.run(
    `mutation { rebootInstance(input: { instanceId: "three", waitSeconds: 20 }) { operation { status } } }`,
  );
  expect(data.rebootInstance.operation.status).toBe("SUCCEEDED");
  const scopeOf = async () =>
    (await dba.run(`{ instance(id: "three") { scope { region } } }`)).data.instance.scope?.region;
  expect(await scopeOf()).toBe(SECOND.region);
  await app.sql`update instances set scope_id = null where identifier in ('two', 'three')`;
  provider.instances.delete("three");
  const { instances, run } = await discovered();
  expect(run).toMatchObject({ gone: 1 });
  expect(instances).toMatchObject([
    { identifier: "three", gone: true, scope: { region: SECOND.region } },
    { identifier: "two", gone: true, scope: { region: SECOND.region } },
  ]);
});
