/** What planOperation says of a request is what its mutation then answers, in every state of an instance; and saying it changes nothing. */
import { beforeAll, describe, expect, it } from "vitest";
import type { InstanceDescription } from "../../../../src/providers/provider.js";
import { OPERATION_DECLARATIONS } from "../../../../src/values/operations/declarations.js";
import { type Client, testApp } from "../../../support/app.js";
import { isDeep } from "../../../support/deep.js";
import { ask, type Verb } from "../../../support/fleet-app.js";
import { insertInstance, insertOperation, insertSnapshot, silentProvider } from "../../../support/fleet-port.js";

const PROVIDERS = ["local", "aws-rds"] as const;
// Nothing that is accepted runs, and rows stay as the test wrote them.
const app = testApp({}, async () => PROVIDERS.map((name) => silentProvider(name)));
let dba: Client;
beforeAll(async () => {
  dba = await app.as("dba");
});

const PLAN = `type accepted code reason status runAt watchedSeconds outage outageReason calls warnings
  environment { environment } instance { id } clashes { kind } figures { activeSessions } lastRuns { count } snapshotQuota { used limit }`;

const plan = (client: Client, verb: Verb, input: object) =>
  client.run(`query($input: PlanOperationInput!) { planOperation(input: $input) { ${PLAN} } }`, {
    input: { [verb]: input },
  });

/** What each type is asked with, beside the instance. */
const INPUTS: Record<string, (n: number) => Record<string, unknown>> = {
  createSnapshot: (n) => ({ snapshotId: `planned-${n}` }),
  deleteSnapshot: (n) => ({ snapshotId: `there-${n}` }),
  restoreSnapshot: (n) => ({ snapshotId: `there-${n}`, identifier: `copy-${n}` }),
  modifyBackupWindow: () => ({ backupWindow: "01:00-01:30" }),
  rebootInstance: () => ({ forceFailover: true }),
  setInstanceTags: () => ({ tags: [{ key: "Owner", value: "me" }] }),
  changeParameterGroup: () => ({ parameterGroup: "reports" }),
  modifyInstanceClass: () => ({ instanceClass: "db.t4g.large" }),
};

interface State {
  readonly environment?: string;
  readonly changes?: Partial<InstanceDescription>;
  /** Is run on the instance before it is planned. */
  readonly before?: (id: string, n: number) => Promise<unknown>;
  readonly input?: (n: number) => Record<string, unknown>;
}

const nextDay = () => new Date(Date.now() + 86_400_000).toISOString();
const fill = (id: string, status: string, many: number) => async () => {
  for (let n = 0; n < many; n++) await insertOperation(app, id, status);
};

const STATES: Record<string, State> = {
  available: {},
  ...Object.fromEntries(
    ["backing-up", "stopped", "starting", "failed", "storage-full", "something-new"].map((status) => [
      status,
      { changes: { status } },
    ]),
  ),
  production: { environment: "PRODUCTION" },
  "production and stopped": { environment: "PRODUCTION", changes: { status: "stopped" } },
  "without a standby": { changes: { multiAz: false, members: [] } },
  vanished: { before: (id) => app.sql`update instances set vanished_at = now() where id = ${id}` },
  "not configured": { before: (id) => app.sql`update instances set scope_removed = true where id = ${id}` },
  "a full queue": { before: (id) => fill(id, "QUEUED", 20)() },
  scheduled: { input: () => ({ runAt: nextDay() }) },
  "in the maintenance window": { input: () => ({ inMaintenanceWindow: true }) },
  "without a maintenance window": {
    changes: { maintenanceWindow: null },
    input: () => ({ inMaintenanceWindow: true }),
  },
  "a taken name": {
    before: async (id, n) => {
      await insertSnapshot(app, id, `Planned-${n}`);
      await app.sql`
        insert into instances (provider, provider_id, identifier, account_id, region, engine, engine_version, multi_az, status, members, tags, environment, classification)
        select provider, ${`taken-${n}`}, ${`COPY-${n}`}, account_id, region, engine, engine_version, multi_az, status, members, tags, environment, classification
        from instances where id = ${id}`;
    },
  },
  "a snapshot that is gone": { before: (_id, n) => app.sql`delete from snapshots where identifier = ${`there-${n}`}` },
  "a snapshot of production": {
    before: (_id, n) => app.sql`update snapshots set environment = 'PRODUCTION' where identifier = ${`there-${n}`}`,
  },
  "a snapshot that AWS took": {
    before: (_id, n) => app.sql`update snapshots set automated = true where identifier = ${`there-${n}`}`,
  },
  "a member of a cluster": {
    before: (id, n) =>
      app.sql`update instances set cluster = jsonb_build_object('identifier', 'c', 'arn', ${`arn:${n}`}::text, 'tags', '[]'::jsonb), engine = 'aurora-postgresql' where id = ${id}`,
  },
};

/** @returns how many rows each table has that a request may write. Workers note changes of what was accepted before. */
async function rowCounts() {
  const names = await app.sql`
    select relname as name from pg_stat_user_tables
    where schemaname = 'public' and relname not in ('rate_limits', 'scopes', 'discovery_runs', 'row_changes') order by 1`;
  const counts: Record<string, number> = {};
  for (const { name } of names) {
    const [row] = await app.sql`select count(*)::int as n from ${app.sql(name)}`;
    counts[name] = row?.n;
  }
  return counts;
}

let number = 0;
const cases = PROVIDERS.flatMap((provider) =>
  OPERATION_DECLARATIONS.flatMap((declaration) =>
    Object.entries(STATES).map(([state, facts]) => [declaration.mutation.name, provider, state, facts] as const),
  ),
);
/** The short form asks every fifth, and all of these. */
const ALWAYS = new Set(["available", "production", "a taken name"]);
const tried = cases.filter(([, , state], n) => isDeep || ALWAYS.has(state) || n % 5 === 0);
const accepted = new Set<string>();
const refused = new Map<string, Set<string>>();

// The first, because nothing that was accepted is tried meanwhile.
it("takes few statements, and what is not asked for takes none", async () => {
  const id = await insertInstance(app, "TEST", {}, "local");
  const count = async (fields: string) => {
    app.statements.length = 0;
    await dba.run(`query($input: PlanOperationInput!) { planOperation(input: $input) { ${fields} } }`, {
      input: { createSnapshot: { instanceId: id, snapshotId: "x" } },
    });
    return app.statements.filter((text) => /instances|operations|clock_timestamp/.test(text)).length;
  };
  // The instance, what waits, and whether the name is taken.
  expect(await count("accepted calls")).toBe(3);
  expect(await count(PLAN)).toBe(7);
});

describe("what is said is what then happens", () => {
  it.each(tried)("%s on %s, %s", async (name, provider, state, { environment = "TEST", changes, before, input }) => {
    number += 1;
    const verb = name as Verb;
    const standing = verb === "startInstance" && state === "available" ? { status: "stopped" } : {};
    // Each has an account of its own, so that the names of another case do not count.
    const accountId = `account-${number}`;
    const id = await insertInstance(app, environment, { accountId, ...standing, ...changes }, provider);
    await insertSnapshot(app, id, `there-${number}`);
    await before?.(id, number);
    const asked = { instanceId: id, ...INPUTS[name]?.(number), ...input?.(number) };
    const counts = await rowCounts();
    const planned = await plan(dba, verb, asked);
    expect(await rowCounts(), "a plan leaves nothing").toEqual(counts);
    const answer = await ask(dba, verb, asked);
    const { code = null, message = null } = { ...answer.errors?.[0]?.extensions, ...answer.errors?.[0] } as never;
    const told = planned.data?.planOperation;
    if (!told) {
      const [error] = planned.errors ?? [];
      expect([error?.extensions.code, error?.message]).toEqual([answer.code, message]);
      expect(["BAD_USER_INPUT", "NOT_FOUND"]).toContain(answer.code);
      return;
    }
    expect([told.accepted, told.code, told.reason]).toEqual([!answer.errors, answer.code ?? code, message]);
    expect(told).toMatchObject({ instance: { id }, environment: { environment }, figures: null });
    if (!told.accepted) return void refused.set(told.code, (refused.get(told.code) ?? new Set()).add(name));
    accepted.add(`${name} ${provider}`);
    const [row] = await app.sql`select plan, run_at is not null as later from operations where instance_id = ${id}
      order by id desc limit 1`;
    const { outage, outageReason, calls } = told;
    expect(row).toMatchObject({ plan: { outage, outageReason, calls, environment }, later: told.runAt !== null });
    expect(calls.length).toBeGreaterThan(0);
  });

  it("each type was accepted on each provider, and each code of a refusal was told", () => {
    expect(accepted.size).toBe(OPERATION_DECLARATIONS.length * PROVIDERS.length);
    expect([...refused.keys()].sort()).toEqual(["CONFLICT", "FAILED_PRECONDITION", "PRODUCTION_PROTECTED"]);
    expect(refused.get("PRODUCTION_PROTECTED")?.size).toBe(OPERATION_DECLARATIONS.length);
  });
});

it("what is refused has its outage and its calls all the same, where they are known", async () => {
  const id = await insertInstance(app, "PRODUCTION", {}, "aws-rds");
  const { data } = await plan(dba, "createSnapshot", { instanceId: id });
  expect(data.planOperation).toMatchObject({
    ...{ accepted: false, code: "PRODUCTION_PROTECTED", outage: "NONE", calls: ["rds:CreateDBSnapshot"] },
    environment: { environment: "PRODUCTION" },
  });
});

it("SECURITY sees a plan, and that its own request would be FORBIDDEN; a VIEWER sees none", async () => {
  const id = await insertInstance(app, "TEST", {}, "local");
  const { data } = await plan(await app.as("security"), "rebootInstance", { instanceId: id });
  expect(data.planOperation).toMatchObject({ accepted: false, code: "FORBIDDEN", outage: "SECONDS" });
  expect((await plan(await app.as("viewer"), "rebootInstance", { instanceId: id })).code).toBe("FORBIDDEN");
});

describe("input at fault", () => {
  const run = (input: unknown) =>
    dba.run("query($input: PlanOperationInput!) { planOperation(input: $input) { code } }", { input });
  it.each([
    ["none", {}, "input"],
    ["two", { rebootInstance: { instanceId: "1" }, stopInstance: { instanceId: "1" } }, "input"],
    ["null", { rebootInstance: null }, "rebootInstance"],
    ["what no type has", { dropInstance: { instanceId: "1" } }, "dropInstance"],
    ["no instance", { rebootInstance: {} }, "rebootInstance.instanceId"],
    ["a name too long", { rebootInstance: { instanceId: "x".repeat(3000) } }, "rebootInstance.instanceId"],
    ["two times", { stopInstance: { instanceId: "1", runAt: nextDay(), inMaintenanceWindow: true } }, "runAt"],
    ["no moment", { stopInstance: { instanceId: "1", runAt: "soon" } }, "stopInstance.runAt"],
    ["no window", { modifyBackupWindow: { instanceId: "1", backupWindow: "03:00" } }, "backupWindow"],
    ["no name", { createSnapshot: { instanceId: "1", snapshotId: "a--b" } }, "snapshotId"],
  ])("%s", async (_, input, field) => {
    const { code, errors } = await run(input);
    expect([code, errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", field]);
  });

  it.each(OPERATION_DECLARATIONS.map(({ mutation }) => mutation.name))("%s of an unknown instance", async (name) => {
    const input = { [name]: { instanceId: "999999", ...INPUTS[name]?.(0) } };
    const { code, errors } = await run(input);
    expect([code, errors?.[0]?.extensions.field]).toEqual(["NOT_FOUND", undefined]);
  });
});
