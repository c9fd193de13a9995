/** What the roles may do and see of the fleet: operations on production, endpoints, and what an instance leads to. */
import { describe, expect, it } from "vitest";
import { OPERATION_TYPES } from "../../../src/values/operations/declarations.js";
import { testApp } from "../../support/app.js";
import {
  describeInstance,
  HOST,
  insertBusyInstance,
  insertInstance,
  silentProvider,
} from "../../support/fleet-port.js";
import { lookingInto, OPERATORS } from "./callers.js";
import { documentOf, otherMutations } from "./other-mutations.js";

const app = testApp({}, async () => [silentProvider()]);
const { clientOf, digest, mark, recordsSince, expectEvent } = lookingInto(app);
const MUTATIONS = otherMutations(app);

describe("production", () => {
  const OPERATION_MUTATIONS = [
    "createSnapshot",
    "deleteSnapshot",
    "restoreSnapshot",
    "rebootInstance",
    "modifyBackupWindow",
    "stopInstance",
    "startInstance",
    "modifyInstanceClass",
    "setInstanceTags",
    "changeParameterGroup",
  ];
  const onProduction = async (name: string) => ({
    ...(await MUTATIONS[name]!.input("ADMIN")),
    instanceId: await insertInstance(app, "PRODUCTION"),
  });

  it.each(OPERATION_MUTATIONS.flatMap((name) => OPERATORS.map((caller) => [name, caller] as const)))(
    "%s is refused to %s, changes nothing and is recorded",
    async (name, caller) => {
      const client = await clientOf(caller);
      const given = await onProduction(name);
      const [before, digestBefore] = [await mark(), await digest()];
      const { status, data, errors } = await client.run(documentOf(name, MUTATIONS[name]!.selection), { input: given });
      expect(status).toBe(403);
      expect(data).toEqual({ [name]: null });
      expect(errors).toHaveLength(1);
      expect(errors?.[0]).toMatchObject({
        path: [name],
        message: "Operations not allowed on production instances. Please create a CloudOps request.",
        extensions: { code: "PRODUCTION_PROTECTED" },
      });
      expect(await digest()).toBe(digestBefore);
      const { records, events } = await recordsSince(before);
      expect(records.map(({ action, success }) => [action, success])).toEqual([["operation.refused", false]]);
      expect(events).toHaveLength(1);
      await expectEvent(caller, events[0], "PRODUCTION_PROTECTED", `Mutation.${name}`);
    },
  );

  it.each(OPERATION_MUTATIONS)("who may not run %s learns that first, and nothing of the instance", async (name) => {
    const viewer = await clientOf("VIEWER");
    const input = await onProduction(name);
    const answers = [];
    for (const instanceId of [input.instanceId, await insertInstance(app, "TEST"), "987654321"]) {
      const { status, data, errors } = await viewer.run(documentOf(name, MUTATIONS[name]!.selection), {
        input: { ...input, instanceId },
      });
      answers.push({
        status,
        data,
        errors: errors?.map(({ extensions: { requestId: _, ...rest }, ...error }) => [error, rest]),
      });
    }
    expect(answers[0]?.status).toBe(403);
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
  });
});

describe("endpoints", () => {
  const QUERY = `query($id: ID!) { %s instance(id: $id) {
    identifier endpoint { host port } members { name role endpoint { host } } tags { key } availableOperations { type allowed reason }
  } }`;

  it.each(["VIEWER", "ANALYST"] as const)(
    "are null to %s, each with its own error, beside everything else",
    async (role) => {
      const client = await clientOf(role);
      const id = await insertInstance(app, "TEST");
      for (const beside of ["", "viewer { role }"]) {
        const before = await mark();
        const { status, data, errors } = await client.run(QUERY.replace("%s", beside), { id });
        expect(status).toBe(200);
        expect(data.instance.endpoint).toBeNull();
        expect(data.instance.members).toEqual([
          { name: "a", role: "PRIMARY", endpoint: null },
          { name: "b", role: "STANDBY", endpoint: null },
          { name: "c", role: "STANDBY", endpoint: null },
        ]);
        expect(data.instance.tags).toHaveLength(2);
        expect(JSON.stringify(data)).not.toContain(HOST);
        for (const { extensions } of errors ?? []) {
          expect(extensions).toMatchObject({ code: "FORBIDDEN", permission: "instance-endpoints:read" });
        }
        expect(errors?.map(({ path }) => path?.join(".")).sort()).toEqual(
          ["instance.endpoint", ...[0, 1, 2].map((index) => `instance.members.${index}.endpoint`)].sort(),
        );
        expect((await recordsSince(before)).records).toEqual([]);
        for (const { allowed, reason } of data.instance.availableOperations) {
          expect({ allowed, reason }).toEqual({ allowed: false, reason: "Your role may not run operations." });
        }
      }
    },
  );

  it.each(OPERATORS)("are read by %s", async (role) => {
    const id = await insertInstance(app, "TEST");
    const { data, errors } = await (await clientOf(role)).run(QUERY.replace("%s", ""), { id });
    expect(errors).toBeUndefined();
    expect(data.instance.endpoint).toEqual({ host: HOST, port: 5432 });
    expect(data.instance.members.map(({ endpoint }: { endpoint: object | null }) => endpoint)).toEqual([
      { host: HOST },
      { host: HOST },
      null,
    ]);
    expect(data.instance.availableOperations.map(({ allowed }: { allowed: boolean }) => allowed)).toEqual(
      // It is not stopped.
      OPERATION_TYPES.map((type) => type !== "START_INSTANCE"),
    );
  });
});

describe.each([
  ["operations", "operations:read"],
  ["findings", "findings:read"],
])("%s, where an instance leads to them", (field, permission) => {
  it.each(["VIEWER", "ANALYST"] as const)("are refused to %s", async (role) => {
    const id = await insertBusyInstance(app);
    const { data, errors } = await (await clientOf(role)).run(
      `{ instance(id: ${id}) { snapshots { totalCount } ${field} { totalCount nodes { id } } } }`,
    );
    expect(data).toEqual({ instance: { snapshots: { totalCount: expect.any(Number) }, [field]: null } });
    expect(errors).toHaveLength(1);
    expect(errors?.[0]).toMatchObject({
      path: ["instance", field],
      extensions: { code: "FORBIDDEN", permission },
    });
  });
});

describe("what is wrong with a member", () => {
  const QUERY = "query($id: ID!) { instance(id: $id) { members { name status lastError } } }";
  const members = [{ ...describeInstance().members[0]!, status: "failed", lastError: "It does not start." }];

  it.each(["VIEWER", "ANALYST"] as const)("is null to %s, who sees that something is", async (role) => {
    const id = await insertInstance(app, "TEST", { members });
    const { data, errors } = await (await clientOf(role)).run(QUERY, { id });
    expect(data.instance.members).toEqual([{ name: "a", status: "failed", lastError: null }]);
    expect(errors?.map(({ path, extensions }) => [path, extensions.permission])).toEqual([
      [["instance", "members", 0, "lastError"], "findings:read"],
    ]);
  });

  it.each(OPERATORS)("is read by %s", async (role) => {
    const id = await insertInstance(app, "TEST", { members });
    const { data } = await (await clientOf(role)).run(QUERY, { id });
    expect(data.instance.members).toEqual([{ name: "a", status: "failed", lastError: "It does not start." }]);
  });
});
