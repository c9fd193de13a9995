/** What the examples of instances, operations and environments answer, and what they leave. */
import { expect } from "vitest";
import { OPERATION_TYPES } from "../../../src/values/operations/declarations.js";
import { EMAILS } from "../../support/app.js";
import { type ExampleKit, type Run, readExample, settles } from "../../support/examples.js";
import { secondAdmin } from "../../support/fleet-app.js";

export const fleetRuns = ({ app, count, newSnapshot, recorded }: ExampleKit): Record<string, Run> => ({
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
  "operation-metrics": {
    variables: async () => {
      const at = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
      return { from: at(-10), to: at(1) };
    },
    async answers({ operationMetrics }) {
      const sum = (name: string) =>
        operationMetrics.reduce((total: number, bucket: Record<string, number>) => total + bucket[name]!, 0);
      expect(sum("requested")).toBe(await count("operations"));
      expect(sum("succeeded")).toBe(await count("operations", "status = 'SUCCEEDED'"));
      expect(sum("incompleteAudits")).toBe(0);
      expect(operationMetrics[0].byType.length).toBeGreaterThan(1);
    },
  },
});
