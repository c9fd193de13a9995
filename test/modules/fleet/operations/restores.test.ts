/** Deleting and restoring snapshots, asked for over HTTP: what is refused, what comes of it, and what it leaves. */
import { beforeAll, describe, expect, it } from "vitest";
import { type Client, EMAILS } from "../../../support/app.js";
import { accepted, ask, hasten, instanceOf, leftBy, operationOf, recordsOf } from "../../../support/fleet-app.js";
import { tagged, useRestores } from "../../../support/restores.js";
import { eventually } from "../../../support/sandbox.js";
import { type ScriptedProvider } from "../../../support/scripted-provider.js";

const { app, setEnvironment, snapshot, restore, listed, expectProtected, opened } = useRestores();
let provider: ScriptedProvider;
let dba: Client;
beforeAll(() => {
  ({ provider, dba } = opened());
});

describe("deleteSnapshot", () => {
  it("deletes it, once, and keeps its row; its identifier is free again", async () => {
    const { id } = await instanceOf(dba, "orders", "id");
    await snapshot("orders", "Old-1");
    expect(await listed(id)).toEqual([{ identifier: "Old-1", status: "available" }]);
    const input = { instanceId: "orders", snapshotId: "OLD-1", waitSeconds: 20, idempotencyKey: "delete-old-1" };
    const operation = await accepted(dba, "deleteSnapshot", input);
    expect(operation).toMatchObject({
      type: "DELETE_SNAPSHOT",
      status: "SUCCEEDED",
      resourceStatus: "deleted",
      parameters: { snapshotId: "Old-1" },
    });
    expect((await accepted(dba, "deleteSnapshot", input)).id).toBe(operation.id);
    expect(await listed(id)).toEqual([{ identifier: "Old-1", status: "deleted" }]);
    expect(await recordsOf(app, operation.id)).toMatchObject([
      { action: "operation.requested", actor: { email: EMAILS.dba }, parameters: { type: "DELETE_SNAPSHOT" } },
      { action: "operation.ended", result: { status: "SUCCEEDED" } },
      { action: "operation.requested", result: { replayed: true } },
    ]);
    expect((await ask(dba, "deleteSnapshot", { instanceId: "orders", snapshotId: "Old-1" })).code).toBe("NOT_FOUND");
    await snapshot("orders", "Old-1");
  });

  it("deletes the one that was there when it was asked for, and none that has its identifier since", async () => {
    await snapshot("orders", "again");
    provider.scripts.set("orders", { tookMs: 1000 });
    const reboot = await accepted(dba, "rebootInstance", { instanceId: "orders" });
    const verbs = [
      ["deleteSnapshot", {}],
      ["restoreSnapshot", { identifier: "orders-again" }],
    ] as const;
    const waiting = await Promise.all(
      verbs.map(([verb, more]) => accepted(dba, verb, { instanceId: "orders", snapshotId: "again", ...more })),
    );
    await eventually(() => provider.begun.includes(reboot.id));
    provider.replace("again");
    provider.scripts.set("orders", {});
    for (const { id } of waiting) {
      await eventually(async () => (await operationOf(dba, id)).endedAt !== null);
      expect(await operationOf(dba, id)).toMatchObject({ status: "FAILED", error: { code: "DBSnapshotNotFound" } });
    }
    const { id } = await instanceOf(dba, "orders", "id");
    expect(await listed(id)).toContainEqual({ identifier: "again", status: "available" });
  });

  it("is of the snapshots of the instance that it names", async () => {
    const left = await leftBy(app, () => ask(dba, "deleteSnapshot", { instanceId: "ledger", snapshotId: "Old-1" }));
    expect([left.answer.status, left.answer.code, left.operations]).toEqual([404, "NOT_FOUND", 0]);
    expect(left.records).toMatchObject([{ action: "operation.refused", success: false }]);
  });
});

describe("restoreSnapshot", () => {
  it("makes another instance, with the tags of its source and of the snapshot, and lists it", async () => {
    await snapshot("orders", "tagged", [
      { key: "Reason", value: "move" },
      { key: "Environment", value: "Development" },
    ]);
    const { data } = await restore("orders", "TAGGED", "orders-copy");
    const { operation } = data.restoreSnapshot;
    expect(operation).toMatchObject({
      type: "RESTORE_SNAPSHOT",
      status: "SUCCEEDED",
      instance: { identifier: "orders" },
      result: { identifier: "orders-copy" },
    });
    const copy = await instanceOf(dba, "orders-copy", "tags { key value } backupWindow environment { environment }");
    expect(copy).toEqual({
      tags: expect.arrayContaining([
        { key: "Environment", value: "Staging" },
        { key: "Owner", value: "Orders" },
        { key: "Reason", value: "move" },
      ]),
      backupWindow: "02:00-02:30",
      environment: { environment: "STAGING" },
    });
    expect(copy.tags).toHaveLength(3);
    expect(await recordsOf(app, operation.id)).toMatchObject([
      { action: "operation.requested", parameters: { identifier: "orders-copy", snapshotId: "tagged" } },
      { action: "operation.ended", result: { status: "SUCCEEDED", result: { identifier: "orders-copy" } } },
    ]);
  });

  it("takes an identifier once, in any case", async () => {
    for (const identifier of ["orders", "ORDERS-copy", "Mapped"]) {
      expect((await restore("orders", "tagged", identifier)).code, identifier).toBe("CONFLICT");
    }
    const both = await Promise.all([restore("orders", "tagged", "once"), restore("orders", "tagged", "ONCE")]);
    expect(both.map(({ code }) => code ?? "accepted").sort()).toEqual(["CONFLICT", "accepted"]);
  });

  it("frees an identifier a day after a restore has timed out, as nobody looks for its end any more", async () => {
    for (const [hours, expected] of [
      [23, "CONFLICT"],
      [25, undefined],
    ] as const) {
      await app.sql`
        insert into operations (type, lane, instance_id, parameters, status, requested_by, ended_at)
        select 'RESTORE_SNAPSHOT', 'snapshots', id, jsonb_build_object('identifier', ${`Lost-${hours}`}::text), 'TIMED_OUT', '{}', now() - ${hours} * interval '1 hour'
        from instances where identifier = 'late'`;
      expect((await restore("orders", "tagged", `lost-${hours}`)).code).toBe(expected);
    }
  });

  it.each(["", "1st", "a--b", "end-", "a_b", "../up", "a".repeat(64), "ä"])(
    "refuses the identifier %j",
    async (identifier) => {
      const { answer, operations } = await leftBy(app, () => restore("orders", "tagged", identifier));
      expect([answer.status, answer.code, answer.errors?.[0]?.extensions.field]).toEqual([
        400,
        "BAD_USER_INPUT",
        "identifier",
      ]);
      expect(operations).toBe(0);
    },
  );

  it("is refused where the copy would be less protected than its source or its snapshot says", async () => {
    await setEnvironment("mapped", "STAGING");
    await snapshot("mapped", "of-mapped");
    await snapshot("ledger", "stricter", [{ key: "Stage", value: "Production" }]);
    await snapshot("ledger", "as-strict", tagged("Production"));
    for (const [source, snapshotId, identifier] of [
      // Its mapping is not the copy's.
      ["mapped", "of-mapped", "mapped-dev"],
      ["mapped", "of-mapped", "mapped-test-2"],
      // The source's tag wins, and hides what the snapshot says.
      ["ledger", "as-strict", "ledger-2"],
    ] as const) {
      const left = await leftBy(app, () => restore(source, snapshotId, identifier));
      expect(left.answer.errors?.[0], identifier).toMatchObject({
        message: expect.stringMatching(/^The new instance would count as \w+, and what it is a copy of as \w+\./),
        extensions: { code: "FAILED_PRECONDITION", state: "less protected" },
      });
      expect(left.records).toMatchObject([{ action: "operation.refused" }]);
      expect(left.operations).toBe(0);
    }
    for (const [source, snapshotId, identifier] of [
      ["mapped", "of-mapped", "mapped-2"],
      ["ledger", "stricter", "ledger-3"],
    ] as const) {
      expect((await restore(source, snapshotId, identifier)).data.restoreSnapshot.operation.status).toBe("SUCCEEDED");
      const { environment } = await instanceOf(dba, identifier, "environment { environment }");
      expect(environment).toEqual({ environment: "PRODUCTION" });
    }
  });

  it("is looked at again when it begins: a source that became stricter meanwhile", async () => {
    await snapshot("ledger", "waits");
    let isHeld = true;
    provider.scripts.set("ledger", { describe: () => (isHeld ? Promise.reject(new Error("not now")) : undefined) });
    const waiting = await accepted(dba, "restoreSnapshot", {
      instanceId: "ledger",
      snapshotId: "waits",
      identifier: "ledger-4",
    });
    provider.change("ledger", { tags: tagged("Staging") });
    isHeld = false;
    for (const deadline = Date.now() + 20_000; Date.now() < deadline; ) {
      const [row] = await app.sql`select status, error from operations where id = ${waiting.id}`;
      if (row?.status !== "FAILED") continue;
      expect(row.error).toMatchObject({ code: "LessProtected" });
      break;
    }
    expect(provider.instances.has("ledger-4")).toBe(false);
    provider.scripts.set("ledger", {});
    provider.change("ledger", { tags: tagged("Test") });
    await hasten(app, "inventory-scripted");
  });
});

describe("where the source", () => {
  it("has vanished, its snapshots are there by its id; where it counts as production, nothing is allowed", async () => {
    await snapshot("leaving", "last");
    await snapshot("leaving", "second");
    const { id } = await instanceOf(dba, "leaving", "id");
    provider.instances.delete("leaving");
    await hasten(app, "inventory-scripted");
    expect((await ask(dba, "deleteSnapshot", { instanceId: "leaving", snapshotId: "last" })).code).toBe("NOT_FOUND");
    await setEnvironment(id, "PRODUCTION");
    await expectProtected(id, "last");
    await setEnvironment(id, null);

    expect((await restore(id, "last", "leaving-2")).data.restoreSnapshot.operation).toMatchObject({
      status: "SUCCEEDED",
      instance: { id },
    });
    const copy = await instanceOf(dba, "leaving-2", "id environment { environment }");
    expect(copy.environment).toEqual({ environment: "TEST" });
    expect(copy.id).not.toBe(id);
    // The copy is another instance, and the snapshots are not its own.
    expect((await ask(dba, "deleteSnapshot", { instanceId: copy.id, snapshotId: "last" })).code).toBe("NOT_FOUND");
    const deletion = await accepted(dba, "deleteSnapshot", { instanceId: id, snapshotId: "last", waitSeconds: 20 });
    expect(deletion.status).toBe("SUCCEEDED");
    expect(await listed(id)).toEqual([
      { identifier: "second", status: "available" },
      { identifier: "last", status: "deleted" },
    ]);
  });

  it("is production, both are refused, and its snapshots stay", async () => {
    const { id } = await instanceOf(dba, "ledger", "id");
    await setEnvironment("ledger", "PRODUCTION");
    await expectProtected("ledger", "waits");
    expect(await listed(id)).toContainEqual({ identifier: "waits", status: "available" });
  });
});
