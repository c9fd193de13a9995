/** How many statements an operation on the fleet sends: where it is accepted, where it is refused for what it asks, and to a role. */
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { insertInstance, insertOperation, insertSnapshot } from "../support/fleet-port.js";
import { SOON } from "../support/soon.js";
import { countingApp, documentOf, KEEP, OF_OPERATIONS, TAKE } from "./sent.js";

const { app, statementsOf } = countingApp();

const LOOK = "select instances";
// The door looks, and the transaction that locks; the job travels with the rest.
const queued = (...preparation: string[]) => [
  LOOK,
  ...["begin", LOOK, "select operations", ...preparation, "insert into operations", "insert into pgboss"],
  ...["insert into audit_logs", "commit", "select"],
];
/** Of a mutation: its input, its statements where it is accepted, an input that is refused as wrong, and the statements then. */
const OPERATIONS: Record<
  (typeof OF_OPERATIONS)[number],
  [input: () => Promise<object>, accepted: string[], wrong: () => object, code: string, refused: string[]]
> = {
  createSnapshot: [
    async () => ({ instanceId: "orders-test", tags: [{ key: "a", value: "b" }] }),
    // The identifier: the lock on all of them, and whether it is taken.
    queued("select", "select snapshots"),
    () => ({ instanceId: "nowhere" }),
    "NOT_FOUND",
    [LOOK, "begin", LOOK, "rollback", KEEP],
  ],
  deleteSnapshot: [
    async () => ({ instanceId: "orders-test", snapshotId: await snapshotHere() }),
    queued("select snapshots"),
    () => ({ instanceId: "orders-test", snapshotId: "nowhere" }),
    "NOT_FOUND",
    [LOOK, "begin", LOOK, "select operations", "select snapshots", "rollback", KEEP],
  ],
  restoreSnapshot: [
    async () => ({ instanceId: "orders-test", snapshotId: await snapshotHere(), identifier: "orders-test-copy" }),
    // The identifier: the lock on all of them, and whether it is taken. Then what is said of the environment.
    queued("select snapshots", "select", "select instances", "select", "select environment_mappings"),
    () => ({ instanceId: "orders-test", snapshotId: "nowhere", identifier: "a--b" }),
    "BAD_USER_INPUT",
    [LOOK, KEEP],
  ],
  rebootInstance: [
    async () => ({ instanceId: "orders-test", forceFailover: true }),
    queued(),
    () => ({ instanceId: "orders-test", waitSeconds: 301 }),
    "BAD_USER_INPUT",
    [LOOK, KEEP],
  ],
  modifyBackupWindow: [
    async () => ({ instanceId: "orders-test", backupWindow: "01:00-01:30" }),
    queued(),
    () => ({ instanceId: "orders-test", backupWindow: "04:45-05:15" }),
    "BAD_USER_INPUT",
    [LOOK, "begin", LOOK, "select operations", "rollback", KEEP],
  ],
  stopInstance: [
    async () => ({ instanceId: "orders-test" }),
    queued(),
    () => ({ instanceId: "nowhere" }),
    "NOT_FOUND",
    [LOOK, "begin", LOOK, "rollback", KEEP],
  ],
  startInstance: [
    async () => {
      await app.sql`update instances set status = 'stopped' where identifier = 'orders-test'`;
      return { instanceId: "orders-test" };
    },
    queued(),
    () => ({ instanceId: "orders-test" }),
    "FAILED_PRECONDITION",
    [LOOK, "begin", LOOK, "rollback", KEEP],
  ],
  retryOperation: [
    async () => {
      const operationId = await insertOperation(app, await busyId());
      await app.sql`update operations set status = 'FAILED', input = '{}' where id = ${operationId}`;
      return { operationId };
    },
    // The door looks, and the transaction finds the operation; then whether it was repeated.
    [
      ...["select", "begin", "select operations", LOOK, "select operations", "select"],
      ...["insert into operations", "insert into pgboss", "insert into audit_logs", "commit", "select"],
    ],
    () => ({ operationId: "987654321" }),
    "NOT_FOUND",
    ["select", "begin", "select operations", "rollback", KEEP],
  ],
  changeParameterGroup: [
    async () => ({ instanceId: "orders-test", parameterGroup: "reports" }),
    queued(),
    () => ({ instanceId: "orders-test", parameterGroup: "../reports" }),
    "BAD_USER_INPUT",
    [LOOK, KEEP],
  ],
  modifyInstanceClass: [
    async () => ({ instanceId: "orders-test", instanceClass: "db.t4g.large" }),
    queued(),
    () => ({ instanceId: "orders-test", instanceClass: "db t4g" }),
    "BAD_USER_INPUT",
    [LOOK, KEEP],
  ],
  setInstanceTags: [
    async () => ({ instanceId: "orders-test", tags: [{ key: "Owner", value: "Shop" }] }),
    // The lock on environments before the instance's, and what the tags would loosen.
    queued("select", "select environment_mappings", LOOK).toSpliced(2, 0, "select"),
    () => ({ instanceId: "orders-test", tags: [{ key: "Stage", value: "dev" }] }),
    "FORBIDDEN",
    [
      ...[LOOK, "begin", "select", LOOK, "select operations", "select", "select environment_mappings", LOOK],
      // Beside the record of the refusal, a role that may not do this is a security event.
      ...["rollback", KEEP, KEEP],
    ],
  ],
  cancelOperation: [
    async () => ({ operationId: await insertOperation(app, await busyId()) }),
    [
      ...["begin", "select operations", "select instances", "update operations"],
      ...["insert into audit_logs", "insert into audit_logs", "commit", "select"],
    ],
    () => ({ operationId: "987654321" }),
    "NOT_FOUND",
    ["begin", "select operations", "rollback", KEEP],
  ],
};
const snapshotHere = async (): Promise<string> => {
  await insertSnapshot(app, await busyId(), `here-${++snapshots}`);
  return `here-${snapshots}`;
};
let snapshots = 0;
const busyId = async (): Promise<string> =>
  (await app.sql`select id::text from instances where identifier = 'orders-test'`)[0]?.id;

describe("operations", () => {
  beforeAll(async () => {
    const dba = await app.as("dba");
    const instanceId = "orders-test";
    const held = { deleteSnapshot: { instanceId, snapshotId: await snapshotHere() }, rebootInstance: { instanceId } };
    for (const [name, input] of Object.entries(held)) {
      const { data } = await dba.run(documentOf(name, "operation { id }"), { input });
      // Until the worker sleeps: it sends nothing more, because the instance, and its snapshots, are its own and busy.
      await vi.waitFor(async () => {
        const [row] =
          await app.sql`select progress <> '[]' as seen from operations where id = ${data[name].operation.id}`;
        expect(row?.seen).toBe(true);
      }, SOON);
    }
  });

  afterEach(() => app.sql`update instances set status = 'available' where identifier = 'orders-test'`);

  it.each(OF_OPERATIONS)("%s, accepted", async (name) => {
    const [input, accepted] = OPERATIONS[name];
    const document = documentOf(name, "operation { id progress { at } instance { members { name } } }");
    const given = await input();
    expect(await statementsOf(await app.as("dba"), document, { input: given })).toEqual(accepted);
  });

  it.each(OF_OPERATIONS)("%s, refused for what it asks", async (name) => {
    const [, , wrong, code, refused] = OPERATIONS[name];
    const document = documentOf(name, "operation { id }");
    expect(await statementsOf(await app.as("dba"), document, { input: wrong() }, code)).toEqual(refused);
  });

  it.each(OF_OPERATIONS)("%s, refused to a role: its record and its event", async (name) => {
    const input = await OPERATIONS[name][0]();
    const sent = await statementsOf(
      await app.as("viewer"),
      documentOf(name, "operation { id }"),
      { input },
      "FORBIDDEN",
    );
    expect(sent).toEqual([KEEP, KEEP]);
  });

  it("on production one look, its record and its event; of several in one request still one look", async () => {
    const instanceId = await insertInstance(app, "PRODUCTION");
    const document = documentOf("rebootInstance", "operation { id }");
    const dba = await app.as("dba");
    const sent = await statementsOf(dba, document, { input: { instanceId } }, "PRODUCTION_PROTECTED");
    expect(sent).toEqual([LOOK, KEEP, KEEP]);
    app.statements.length = 0;
    await dba.run(
      `mutation($i: RebootInstanceInput!) { a: rebootInstance(input: $i) { operation { id } } b: rebootInstance(input: $i) { operation { id } } }`,
      { i: { instanceId } },
    );
    expect(app.statements.filter((text) => /from "instances"/.test(text))).toHaveLength(1);
  });

  it("a bulk request judges any number of instances by the same statements", async () => {
    const document = documentOf("rebootInstances", "preview { accepted }");
    const dba = await app.as("dba");
    for (const expectedCount of [1, 4]) {
      const ids = await Promise.all(Array.from({ length: expectedCount }, () => insertInstance(app, "TEST")));
      const input = { filter: { id: { in: ids } }, expectedCount, dryRun: true };
      // Its turn, and its instances by the filter and as they are.
      expect(await statementsOf(dba, document, { input })).toEqual([
        ...[TAKE, "begin", "look what matches", LOOK, "insert into audit_logs", "commit"],
      ]);
      // And what is said of their environments.
      const tags = [{ key: "Owner", value: "shop" }];
      const sent = await statementsOf(dba, documentOf("setTagsOfInstances", "preview { accepted }"), {
        input: { ...input, tags },
      });
      expect(sent).toEqual([
        ...[TAKE, "begin", "look what matches", LOOK, "select", "select environment_mappings", LOOK],
        ...["insert into audit_logs", "commit"],
      ]);
    }
  });

  it("a bulk operation is found once, whether it is repeated or cancelled", async () => {
    const dba = await app.as("dba");
    const [row] = await app.sql`
      insert into bulk_operations (type, input, stop_at_first_failure, status, requested_by) values ('REBOOT_INSTANCE', '{}', false, 'ENDED', '{}') returning id::text`;
    const input = { bulkOperationId: row?.id };
    const [retry, cancel] = ["retryBulkOperation", "cancelBulkOperation"].map((name) =>
      documentOf(name, "bulkOperation { id }"),
    );
    // Whether another retry is open, and what has failed.
    expect(await statementsOf(dba, retry!, { input: { ...input, expectedCount: 1 } }, "FAILED_PRECONDITION")).toEqual([
      TAKE,
      "begin",
      "select",
      "select",
      "select",
      "rollback",
      KEEP,
    ]);
    // The lock comes first, so that nothing more is requested.
    expect(await statementsOf(dba, cancel!, { input }, "FAILED_PRECONDITION")).toEqual([
      ...["begin", "select", "select", "rollback", KEEP],
    ]);
  });
});
