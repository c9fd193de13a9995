/** The documents that users copy: each says who may run it, and does what it says for exactly those. */

import { readdirSync, readFileSync } from "node:fs";
import { parse, validate } from "graphql";
import { describe, expect, it } from "vitest";
import { OPERATION_TYPES } from "../../src/values/operations/declarations.js";
import { type Client, EMAILS, PASSWORD, type Somebody, signIn, testApp } from "../support/app.js";
import { secondAdmin } from "../support/fleet-app.js";
import { describeInstance, memoryProvider } from "../support/fleet-port.js";

const fleet = memoryProvider([
  describeInstance(),
  describeInstance({ providerId: "p-2", identifier: "orders-prod-copy" }),
  describeInstance({ providerId: "p-3", identifier: "busy-test" }),
]);
fleet.hold("p-3");

const pace = { intervalMs: 100, attempts: 1000 };
const OPERATION_POLLING = JSON.stringify({
  port: Object.fromEntries(OPERATION_TYPES.map((type) => [type, pace])),
});
const app = testApp({ OPERATION_POLLING }, async () => [fleet.provider]);

const FOLDER = new URL("../../schema/examples/", import.meta.url);
const ROLES = ["VIEWER", "ANALYST", "DBA", "SECURITY", "ADMIN"] as const;

interface Example {
  readonly name: string;
  readonly text: string;
  /** The first line: what it does. */
  readonly purpose: string;
  /** Roles, or `everybody`. */
  readonly who: readonly string[];
  readonly variables: Record<string, unknown>;
}

function readExample(file: string): Example {
  const text = readFileSync(new URL(file, FOLDER), "utf8");
  const [purpose = "", who = "", variables = ""] = text.split("\n");
  return {
    name: file.replace(".graphql", ""),
    text,
    purpose,
    who: /^# Who: (.+)$/.exec(who)?.[1]?.split(", ") ?? [],
    variables: JSON.parse(/^# variables: (\{.*\})$/.exec(variables)?.[1] ?? "null"),
  };
}

const examples = readdirSync(FOLDER)
  .sort()
  .map((file) => readExample(file));

/** A fresh session, because some examples end theirs. */
const freshAs = async (role: string): Promise<Client> => {
  const { accessToken } = await signIn(app.anonymous, EMAILS[role.toLowerCase() as Somebody]);
  return app.withToken(accessToken);
};

const count = async (table: string, where = "true"): Promise<number> =>
  (await app.sql.unsafe(`select count(*)::int as n from ${table} where ${where}`))[0]?.n;

const newSnapshot = async (client: Client): Promise<string> => {
  const { text, variables } = readExample("create-snapshot.graphql");
  const { data } = await client.run(text, variables);
  return data.createSnapshot.operation.snapshot.identifier;
};

const newScan = async (): Promise<string> => {
  const rows = await app.sql`
    insert into scans (organization_id, target_url, scan_type) values (1, 'https://x.example/', 'FULL') returning id`;
  return String(rows[0]?.id);
};

interface Run {
  /** What stands in for the placeholders of the variables. */
  readonly input?: (client: Client) => Promise<Record<string, unknown>>;
  /** What stands in for variables other than `input`. */
  readonly variables?: (client: Client) => Promise<Record<string, unknown>>;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not computed with
  readonly answers: (data: any, client: Client, variables: any) => Promise<void> | void;
}

const refreshToken = async () => ({ refreshToken: (await signIn(app.anonymous, EMAILS.viewer)).refreshToken });

/** What the audit log calls the records of an operation. */
const recorded = async (operationId: string): Promise<string[]> =>
  (
    await app.sql`select action from audit_logs where resource_id = ${operationId} and action like 'operation.%' order by id`
  ).map(({ action }) => action);

/** The dispute that the example settles. */
const { settles } = readExample("set-environment-mapping.graphql").variables.input as { settles: string };

const RUNS: Record<string, Run> = {
  "sign-in": {
    input: async () => ({ email: EMAILS.analyst, password: PASSWORD }),
    async answers({ signIn }) {
      expect(signIn.viewer.role).toBe("ANALYST");
      const { data } = await app.withToken(signIn.accessToken).run("{ viewer { permissions } }");
      expect(data.viewer.permissions).toEqual(signIn.viewer.permissions);
    },
  },
  "refresh-session": {
    input: refreshToken,
    async answers({ refreshSession }) {
      expect((await app.withToken(refreshSession.accessToken).run("{ viewer { role } }")).status).toBe(200);
    },
  },
  "sign-out": {
    input: refreshToken,
    async answers({ signOut }, client, { input }) {
      expect(signOut).toEqual({ signedOut: true });
      if (client.token) expect((await client.run("{ viewer { role } }")).status).toBe(401);
      const again = await app.anonymous.run(
        "mutation($input: RefreshSessionInput!) { refreshSession(input: $input) { expiresAt } }",
        { input },
      );
      expect(again.code).toBe("UNAUTHENTICATED");
    },
  },
  "discover-instances": {
    answers({ discoverInstances }) {
      expect(discoverInstances.runs).toMatchObject([{ id: expect.any(String), provider: "port" }]);
    },
  },
  "discovery-runs": {
    answers({ discoveryRuns, scopes }) {
      expect(discoveryRuns.nodes.at(-1)).toMatchObject({
        provider: "port",
        found: 3,
        new: 3,
        scopes: [{ error: null }],
      });
      expect(scopes.nodes).toEqual([]);
    },
  },
  "instance-history": {
    answers({ instances }) {
      expect(instances.groups).toEqual(expect.any(Array));
    },
  },
  sessions: {
    answers({ sessions }) {
      expect(sessions.nodes.filter(({ current }: { current: boolean }) => current)).toHaveLength(1);
    },
  },
  "revoke-session": {
    // That of another device.
    async input(client) {
      const { data } = await client.run("{ viewer { user { email } } }");
      await signIn(app.anonymous, data.viewer.user?.email ?? EMAILS.dba);
      const { data: found } = await client.run("{ sessions(first: 1) { nodes { id } } }");
      return { id: found.sessions.nodes[0].id };
    },
    async answers({ revokeSession: { session } }, client, { input }) {
      expect(session).toEqual({ ...(input as object), endedAt: expect.any(String) });
      expect((await client.run("{ viewer { role } }")).status).toBe(200);
    },
  },
  "who-am-i": {
    answers({ viewer }) {
      expect(viewer.user.email).toBe(EMAILS[viewer.role.toLowerCase() as Somebody]);
      expect(viewer.organization).toEqual(
        ["VIEWER", "ANALYST"].includes(viewer.role) ? { name: "Harbour Bank" } : null,
      );
    },
  },
  "first-read": {
    answers({ scans }) {
      expect(scans.nodes).toHaveLength(5);
    },
  },
  "nested-read": {
    async answers({ scan }) {
      expect(scan.organization.name).toBe("Harbour Bank");
      expect(scan.organization.users.nodes).toHaveLength(2);
      expect(scan.vulnerabilities.totalCount).toBe(await count("vulnerabilities", "scan_id = 6"));
      expect(scan.vulnerabilities.totalCount).toBeGreaterThan(0);
      const gravity = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"];
      const found = scan.vulnerabilities.nodes.map(({ severity }: { severity: string }) => gravity.indexOf(severity));
      expect(found).toEqual(found.toSorted((a: number, b: number) => a - b));
    },
  },
  "filter-order-page": {
    async answers({ vulnerabilities: page }, client, variables) {
      expect(page.edges).toHaveLength(3);
      expect(page.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
      const next = await client.run(readExample("filter-order-page.graphql").text, {
        ...variables,
        after: page.pageInfo.endCursor,
      });
      expect(next.data.vulnerabilities.pageInfo.hasPreviousPage).toBe(true);
      const ids = [...page.edges, ...next.data.vulnerabilities.edges].map(({ node }) => node.id);
      expect(new Set(ids).size).toBe(6);
    },
  },
  "related-rows": {
    async answers({ scans }) {
      const where = `s.organization_id = 1 and exists (select from vulnerabilities where scan_id = s.id and severity in ('CRITICAL', 'HIGH'))
        and not exists (select from vulnerabilities where scan_id = s.id and vuln_type = 'CSRF')`;
      const all = await app.sql.unsafe(
        `select s.id::text from scans s where ${where} order by s.started_at desc, s.id desc`,
      );
      const names = scans.nodes.map(({ organization }: { organization: { name: string } }) => organization.name);
      const own = scans.nodes.filter((_: unknown, index: number) => names[index] === "Harbour Bank");
      expect(own.map(({ id }: { id: string }) => ({ id }))).toEqual(all.slice(0, own.length));
      expect(own.length).toBeGreaterThan(1);
      expect(names).toEqual(names.toSorted());
      for (const { vulnerabilities } of scans.nodes) {
        for (const { severity } of vulnerabilities.nodes) expect(["CRITICAL", "HIGH"]).toContain(severity);
        expect(vulnerabilities.nodes.length).toBeGreaterThan(0);
      }
    },
  },
  "scan-figures": {
    answers({ scans, vulnerabilities }) {
      const sum = (groups: { aggregate: { count: number } }[]) =>
        groups.reduce((total, { aggregate }) => total + aggregate.count, 0);
      expect(scans.groups.length).toBeGreaterThan(5);
      expect(sum(scans.groups)).toBe(scans.aggregate.count);
      expect(sum(vulnerabilities.groups)).toBe(scans.aggregate.sum.vulnerabilitiesFound);
      const counts = vulnerabilities.groups.map(({ aggregate }: { aggregate: { count: number } }) => aggregate.count);
      expect(counts).toEqual(counts.toSorted((a: number, b: number) => b - a));
    },
  },
  "create-scan": {
    async answers({ createScan: { scan } }) {
      expect(scan).toMatchObject({ version: 1, status: "PENDING", organization: { name: "Harbour Bank" } });
      expect(await count("scans", `id = ${scan.id} and target_url = 'https://shop.demo.example/'`)).toBe(1);
      expect(await count("audit_logs", `action = 'scan.create' and resource_id = '${scan.id}' and success`)).toBe(1);
    },
  },
  "create-scans": {
    async answers({ createScans: { scans } }, client, variables) {
      expect(scans.map(({ status }: { status: string }) => status)).toEqual(["PENDING", "RUNNING"]);
      const again = await client.run(readExample("create-scans.graphql").text, variables);
      expect(again.data.createScans.scans).toEqual(scans);
      const ids = scans.map(({ id }: { id: string }) => id);
      expect(await count("scans", `scan_type = 'NIGHTLY' and id in (${ids})`)).toBe(2);
    },
  },
  "update-scans": {
    async input() {
      await app.sql`
        insert into scans (organization_id, target_url, scan_type, status) values
          (1, 'https://x.example/', 'STALE', 'PENDING'), (1, 'https://x.example/', 'STALE', 'RUNNING'),
          (1, 'https://x.example/', 'STALE', 'FAILED')`;
      return {};
    },
    async answers({ updateScans: { scans } }) {
      expect(scans).toMatchObject(Array(2).fill({ status: "CANCELLED", version: 2 }));
      expect(await count("scans", "scan_type = 'STALE' and status = 'FAILED' and version = 1")).toBeGreaterThan(0);
    },
  },
  "upsert-organization": {
    async answers({ upsertOrganization: { created, organization } }, client, variables) {
      expect([created, organization.version]).toEqual([true, 1]);
      const again = await client.run(readExample("upsert-organization.graphql").text, variables);
      expect(again.data.upsertOrganization).toEqual({ created: false, organization: { ...organization, version: 2 } });
    },
  },
  "update-scan": {
    input: async () => ({ id: await newScan() }),
    async answers({ updateScan: { scan } }) {
      expect(scan).toMatchObject({ version: 2, status: "COMPLETED" });
      expect(await count("scans", `id = ${scan.id} and status = 'COMPLETED' and version = 2`)).toBe(1);
    },
  },
  "delete-scan": {
    input: async () => ({ id: await newScan() }),
    async answers({ deleteScan: { deletedScanId } }) {
      expect(await count("scans", `id = ${deletedScanId}`)).toBe(0);
    },
  },
  "create-vulnerabilities": {
    input: async () => ({ scanId: await newScan() }),
    async answers({ createVulnerabilities: { scan, vulnerabilities } }) {
      expect(scan.vulnerabilitiesFound).toBe(2);
      expect(vulnerabilities.map(({ severity }: { severity: string }) => severity)).toEqual(["HIGH", "LOW"]);
      expect(await count("vulnerabilities", `scan_id = ${scan.id}`)).toBe(2);
    },
  },
  "audit-trail": {
    async answers({ auditLogs }, client) {
      const { data } = await client.run("{ viewer { role } }");
      const all = await count("audit_logs", "resource_type = 'scan' and resource_id = '1'");
      expect(all).toBeGreaterThan(0);
      expect(auditLogs.totalCount).toBe(data.viewer.role === "DBA" ? 0 : all);
    },
  },
  inventory: {
    async answers({ instances }, client) {
      expect(instances.totalCount).toBe(3);
      const [busy, copy, orders] = instances.nodes;
      expect([busy.identifier, copy.identifier, orders.identifier]).toEqual([
        "busy-test",
        "orders-prod-copy",
        "orders-test",
      ]);
      expect(orders.environment).toMatchObject({
        environment: "TEST",
        decidedBy: "TAG",
        conflict: false,
        dispute: null,
      });
      const methods = orders.environment.evidence.map(({ method }: { method: string }) => method);
      expect(methods).toEqual(["TAG", "INSTANCE_MAPPING", "ACCOUNT_MAPPING", "NAME_PATTERN", "DEFAULT"]);
      expect(orders.members.filter(({ role }: { role: string }) => role === "PRIMARY")).toHaveLength(1);
      const { data } = await client.run("{ viewer { role } }");
      const allowed = ["DBA", "ADMIN"].includes(data.viewer.role);
      expect(orders.availableOperations).toEqual(
        OPERATION_TYPES.map((type) => {
          // It is not stopped.
          if (allowed && type === "START_INSTANCE")
            return { type, allowed: false, reason: expect.stringContaining("when it is stopped") };
          return { type, allowed, reason: allowed ? null : expect.stringContaining("role") };
        }),
      );
      expect(copy.environment).toMatchObject({ environment: "PRODUCTION", conflict: true });
      expect(copy.environment.dispute).toBe(settles);
    },
  },
  "create-snapshot": {
    async answers({ createSnapshot: { operation } }) {
      expect(operation).toMatchObject({ status: "SUCCEEDED", success: true, error: null });
      expect(operation.snapshot).toMatchObject({
        identifier: expect.stringMatching(/^orders-test-/),
        sizeBytes: 123_456_789,
        tags: [{ key: "reason", value: "before the migration" }],
      });
      expect(await recorded(operation.id)).toEqual(["operation.requested", "operation.ended"]);
    },
  },
  "delete-snapshot": {
    input: async (client) => ({ snapshotId: await newSnapshot(client) }),
    async answers({ deleteSnapshot: { operation } }) {
      expect(operation).toMatchObject({ status: "SUCCEEDED", success: true, error: null });
      expect(await recorded(operation.id)).toEqual(["operation.requested", "operation.ended"]);
    },
  },
  "restore-snapshot": {
    input: async (client) => ({
      snapshotId: await newSnapshot(client),
      identifier: `orders-test-copy-${await count("instances")}`,
    }),
    async answers({ restoreSnapshot: { operation } }) {
      expect(operation).toMatchObject({
        status: "SUCCEEDED",
        result: { identifier: expect.stringMatching(/^orders-test-copy-/) },
        error: null,
      });
      expect(await recorded(operation.id)).toEqual(["operation.requested", "operation.ended"]);
    },
  },
  "reboot-with-failover": {
    async answers({ rebootInstance: { operation } }) {
      expect(operation).toMatchObject({ status: "SUCCEEDED", result: { failedOver: true, awaySeconds: 1.5 } });
      const primaries = operation.instance.members.filter(({ role }: { role: string }) => role === "PRIMARY");
      expect(primaries).toEqual([{ name: operation.result.primary, role: "PRIMARY" }]);
      expect(await recorded(operation.id)).toEqual(["operation.requested", "operation.ended"]);
    },
  },
  "plan-operation": {
    async answers({ planOperation }) {
      expect(planOperation).toMatchObject({
        ...{ status: "available", outage: "SECONDS", warnings: [], accepted: planOperation.code === null },
        environment: { environment: "TEST" },
        calls: expect.arrayContaining(["local:promote-standby"]),
      });
      // SECURITY sees the plan of what others may request.
      expect([null, "FORBIDDEN"]).toContain(planOperation.code);
    },
  },
  "modify-backup-window": {
    async answers({ modifyBackupWindow: { operation } }) {
      expect(operation).toMatchObject({
        status: "SUCCEEDED",
        result: { pendingBackupWindow: "23:45-00:15" },
        instance: { backupWindow: "03:00-03:30", pendingBackupWindow: "23:45-00:15" },
      });
      expect(await recorded(operation.id)).toEqual(["operation.requested", "operation.ended"]);
    },
  },
  "follow-operation": {
    async variables() {
      const { data } = await (await app.as("dba")).run(readExample("create-snapshot.graphql").text, {
        input: { instanceId: "orders-test", waitSeconds: 30 },
      });
      return { id: data.createSnapshot.operation.id };
    },
    answers({ operation }) {
      expect(operation).toMatchObject({
        type: "CREATE_SNAPSHOT",
        status: "SUCCEEDED",
        success: true,
        resourceStatus: "available",
        error: null,
        instance: { identifier: "orders-test" },
      });
      const moments = [operation.requestedAt, operation.startedAt, operation.endedAt];
      expect(moments.toSorted()).toEqual(moments);
    },
  },
  "schedule-reboot": {
    async answers({ rebootInstance: { operation } }) {
      expect(operation).toMatchObject({ status: "SCHEDULED", runAt: expect.stringMatching(/T\d\d:\d\d:00\.000000Z$/) });
      expect(await recorded(operation.id)).toEqual(["operation.requested"]);
    },
  },

  "reboot-instances": {
    async answers({ rebootInstances: { bulkOperation } }) {
      expect(bulkOperation).toMatchObject({ summary: { total: 1, refused: 0 } });
      expect(bulkOperation.parts.nodes).toMatchObject([{ code: null, instance: { identifier: "orders-test" } }]);
      expect(await count("bulk_operation_parts", `bulk_operation_id = ${bulkOperation.id}`)).toBe(1);
    },
  },
  "retry-operation": {
    async input(client) {
      const request = () =>
        client.run(readExample("create-snapshot.graphql").text, { input: { instanceId: "busy-test" } });
      await request();
      const { data } = await request();
      const { id } = data.createSnapshot.operation;
      await client.run(readExample("cancel-operation.graphql").text, { input: { operationId: id } });
      return { operationId: id };
    },
    async answers({ retryOperation: { operation } }) {
      expect(operation).toMatchObject({ status: "QUEUED", retryOf: { error: null } });
    },
  },
  "cancel-operation": {
    async input(client) {
      const request = () =>
        client.run(readExample("create-snapshot.graphql").text, { input: { instanceId: "busy-test" } });
      // The first never ends, so the second waits.
      await request();
      const { data } = await request();
      return { operationId: data.createSnapshot.operation.id };
    },
    async answers({ cancelOperation: { operation } }) {
      expect(operation).toMatchObject({ status: "CANCELLED", endedAt: expect.any(String) });
      expect(await recorded(operation.id)).toEqual(["operation.requested", "operation.ended", "operation.cancel"]);
    },
  },
  "set-environment-mapping": {
    answers({ setEnvironmentMapping: { instance, proposal } }) {
      expect(instance).toEqual({
        identifier: "orders-prod-copy",
        environment: { environment: "PRODUCTION", decidedBy: "NAME_PATTERN", conflict: true, dispute: settles },
      });
      expect(proposal.changes).toEqual([{ identifier: "orders-prod-copy", from: "PRODUCTION", to: "TEST" }]);
    },
  },
  "environment-proposals": {
    async answers({ environmentProposals }) {
      expect(environmentProposals.totalCount).toBe(await count("environment_proposals", "status = 'WAITING'"));
    },
  },
  "confirm-environment-proposal": {
    async input() {
      const { text, variables } = readExample("set-environment-mapping.graphql");
      const { data } = await (await secondAdmin(app)).run(text, variables);
      return { id: data.setEnvironmentMapping.proposal.id };
    },
    async answers({ confirmEnvironmentProposal: { proposal } }, client) {
      expect(proposal).toMatchObject({
        status: "CONFIRMED",
        instance: {
          identifier: "orders-prod-copy",
          environment: { environment: "TEST", decidedBy: "INSTANCE_MAPPING" },
        },
        createdBy: { email: "root@postern.example" },
        decidedBy: { email: EMAILS.admin },
      });
      const { data } = await client.run(readExample("create-snapshot.graphql").text, {
        input: { instanceId: "orders-prod-copy", waitSeconds: 30 },
      });
      expect(data.createSnapshot.operation.status).toBe("SUCCEEDED");
      // The examples after this one ask of a production instance.
      const { errors } = await client.run(readExample("set-environment-mapping.graphql").text, {
        input: { instanceId: "orders-prod-copy", environment: null, reason: "It was for a test." },
      });
      expect(errors).toBeUndefined();
    },
  },
  "explain-environment": {
    async answers({ explainEnvironment }) {
      expect(explainEnvironment).toMatchObject({
        environment: "PRODUCTION",
        decidedBy: "NAME_PATTERN",
        conflict: true,
      });
      expect(explainEnvironment.evidence.slice(0, 4)).toMatchObject([
        { method: "TAG", environment: "STAGING" },
        { method: "INSTANCE_MAPPING", environment: null },
        { method: "ACCOUNT_MAPPING", environment: null },
        { method: "NAME_PATTERN", environment: "PRODUCTION" },
      ]);
      expect(await count("instances", "identifier = 'billing-prod-2'")).toBe(0);
    },
  },
  "environment-rules": {
    answers({ environmentRules }) {
      expect(environmentRules).toMatchObject({ version: 0, defaultEnvironment: "PRODUCTION", createdBy: null });
      expect(environmentRules.values[0]).toEqual({
        environment: "PRODUCTION",
        words: ["prod", "production", "prd", "live"],
      });
    },
  },
  "set-environment-rules": {
    async answers({ setEnvironmentRules }) {
      expect(setEnvironmentRules).toMatchObject({ environmentRules: { version: 0 }, proposal: null });
      // The names say TEST beside the tags, and one name is left with production.
      expect(setEnvironmentRules).toMatchObject({ changed: 0, changes: [] });
      expect(await count("environment_rules")).toBe(0);
    },
  },
  "security-events": {
    async answers({ securityEvents }) {
      expect(securityEvents.totalCount).toBe(await count("security_events", "event_status <> 'SUCCESS'"));
      expect(securityEvents.nodes).toHaveLength(20);
    },
  },
};

it("tests every example", () => {
  expect(Object.keys(RUNS).sort()).toEqual(examples.map(({ name }) => name));
});

describe.each(examples)("$name", ({ name, text, purpose, who, variables }) => {
  it("says what it does and who may run it, names its variables, and fits the schema", () => {
    expect(purpose).toMatch(/^# [A-Z].{20,}\.$/);
    expect(who).not.toEqual([]);
    expect(["everybody", ...ROLES]).toEqual(expect.arrayContaining([...who]));
    const document = parse(text);
    expect(validate(app.schema, document)).toEqual([]);
    const [operation, ...others] = document.definitions;
    expect(others).toEqual([]);
    const defined = operation?.kind === "OperationDefinition" ? (operation.variableDefinitions ?? []) : [];
    expect(Object.keys(variables)).toEqual(defined.map((definition) => definition.variable.name.value));
  });

  const run = RUNS[name];
  const allowed = who[0] === "everybody" ? [null, ...ROLES] : who;
  it.each(allowed)("does what it says as %s", async (role) => {
    // A resource whose trail is not empty.
    if (name === "audit-trail") {
      await app.sql`
        insert into audit_logs (actor, action, resource_type, resource_id, success)
        values ('{"type": "system"}', 'scan.update', 'scan', '1', true)`;
    }
    const client = role === null ? app.anonymous : await freshAs(role);
    const input = await run?.input?.(client);
    const others = await run?.variables?.(client);
    const given = {
      ...variables,
      ...(input && { input: { ...(variables.input as object), ...input } }),
      ...others,
    };
    const { status, data, errors } = await client.run(text, given);
    expect(errors).toBeUndefined();
    expect(status).toBe(200);
    await run?.answers(data, client, given);
  });

  const refused = who[0] === "everybody" ? [] : [null, ...ROLES.filter((role) => !who.includes(role))];
  if (refused.length === 0) return;
  it("is refused to everybody else", async () => {
    for (const role of refused) {
      const client = role === null ? app.anonymous : await app.as(role.toLowerCase() as Somebody);
      const { status, data, code } = await client.run(text, variables);
      expect({ role, status, code }).toEqual({
        role,
        ...(role === null ? { status: 401, code: "UNAUTHENTICATED" } : { status: 403, code: "FORBIDDEN" }),
      });
      expect(new Set(Object.values(data))).toEqual(new Set([null]));
    }
  });
});
