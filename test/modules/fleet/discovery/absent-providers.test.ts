/** What is configured no more: the scopes of a provider that is absent are REMOVED, and their instances say so without being gone. */
import { beforeAll, expect, it } from "vitest";
import type { Provider } from "../../../../src/providers/provider.js";
import { type Client, testApp } from "../../../support/app.js";
import { ask, hasten, leftBy } from "../../../support/fleet-app.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";

const stays = scriptedProvider("stays");
stays.add("kept-1");
const leaves = scriptedProvider("leaves");
leaves.add("left-1");
leaves.add("left-2", { tags: [{ key: "Environment", value: "production" }] });
const demo = scriptedProvider("demo");
demo.add("toy-1", { tags: [{ key: "postern:simulated", value: "true" }] });
let configured: readonly Provider[] = [stays];

const app = testApp(polling({ stays: 600, leaves: 600, demo: 600 }), async () => configured);
let dba: Client;
beforeAll(async () => {
  dba = await app.as("dba");
  await startWith(stays, leaves, demo);
});

const states = async () =>
  Object.fromEntries(
    (await app.sql`select provider, state from scopes order by 1`).map((row) => [row.provider, row.state]),
  );
const instanceNamed = async (identifier: string) =>
  (
    await dba.run(
      `query($name: String!) { instances(filter: { identifier: { eq: $name } }) { nodes { operable gone vanishedAt lastSeenAt
        scope { state } availableOperations { type allowed reason } } } }`,
      { name: identifier },
    )
  ).data.instances.nodes[0];
const findings = async () =>
  app.sql`select s.provider, f.kind, f.severity, f.subject, f.resolved_at is null as open
    from findings f join scopes s on s.id = f.scope_id order by f.id`;
/** A start of Postern with these providers, which ends at once. */
async function startWith(...providers: Provider[]): Promise<void> {
  configured = providers;
  await (await app.replica()).stop();
}

it("a provider that is absent at a start leaves REMOVED scopes; their instances are not operable, say why, and are not gone", async () => {
  const before = await instanceNamed("left-1");
  expect([before.operable, before.availableOperations[0].allowed]).toEqual([true, true]);
  const [open] = await app.sql`
    insert into discovery_runs (provider, requested_by) values ('leaves', '{"type": "system", "name": "schedule"}') returning id::text`;
  await startWith(stays);
  expect(await states()).toEqual({ stays: "LISTED", leaves: "REMOVED", demo: "REMOVED" });
  const reason = "The account and region of this instance are configured no more, so nobody knows what became of it.";
  const after = await instanceNamed("left-1");
  expect(after).toEqual({
    ...before,
    operable: false,
    scope: { state: "REMOVED" },
    availableOperations: before.availableOperations.map(({ type }: { type: string }) => ({
      type,
      allowed: false,
      reason,
    })),
  });
  expect((await instanceNamed("left-2")).availableOperations[0].reason).toMatch(/PRODUCTION/i);
  expect((await instanceNamed("kept-1")).operable).toBe(true);
  expect(await findings()).toEqual([
    { provider: "leaves", kind: "scope_removed", severity: "WARNING", subject: "leaves", open: true },
  ]);
  expect(await app.sql`select ended_at is not null as ended from discovery_runs where id = ${open?.id}`).toEqual([
    { ended: true },
  ]);
  const { data } = await dba.run(`{ instances(filter: { operable: { eq: true } }) { nodes { identifier } } }`);
  expect(data.instances.nodes).toEqual([{ identifier: "kept-1" }]);
});

it("what is requested there is refused, and leaves its record", async () => {
  const { answer, records, operations } = await leftBy(app, () => ask(dba, "rebootInstance", { instanceId: "left-1" }));
  expect(answer.errors).toMatchObject([
    { message: expect.stringMatching(/configured no more/), extensions: { code: "FAILED_PRECONDITION" } },
  ]);
  expect([records.map(({ action, success }) => [action, success]), operations]).toEqual([
    [["operation.refused", false]],
    0,
  ]);
});

it("simulated instances are gone, as nothing of them is anywhere", async () => {
  expect(await instanceNamed("toy-1")).toMatchObject({ gone: true, operable: false, vanishedAt: expect.any(String) });
});

it("a replica that has the provider takes the mark back; when none has looked for two hours, it is made again and stays", async () => {
  await startWith(stays, leaves, demo);
  expect(await states()).toEqual({ stays: "LISTED", leaves: "LISTED", demo: "LISTED" });
  expect(await instanceNamed("left-1")).toMatchObject({ operable: true, gone: false });
  expect(await instanceNamed("toy-1")).toMatchObject({ gone: false, vanishedAt: null });
  expect((await findings()).map(({ open }) => open)).toEqual([false]);
  const age = (provider: string, minutes: number) =>
    app.sql`update discovery_runs set started_at = now() - make_interval(mins => ${minutes}) where provider = ${provider}`;
  await age("leaves", 119);
  await age("demo", 121);
  // This Postern has neither, and leaves alone what another one has looked at.
  await hasten(app, "absent-providers");
  expect(await states()).toEqual({ stays: "LISTED", leaves: "LISTED", demo: "REMOVED" });
  await age("leaves", 121);
  await hasten(app, "absent-providers");
  expect(await states()).toEqual({ stays: "LISTED", leaves: "REMOVED", demo: "REMOVED" });
  expect((await findings()).map(({ open }) => open)).toEqual([false, true]);
  expect((await instanceNamed("left-1")).operable).toBe(false);
  await hasten(app, "absent-providers");
  expect(await findings()).toHaveLength(2);
});
