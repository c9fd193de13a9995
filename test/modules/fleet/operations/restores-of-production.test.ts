/** Snapshots of production stay protected, and so does what is restored of them; looks that come late undo nothing. */
import { beforeAll, describe, expect, it } from "vitest";
import { type Client } from "../../../support/app.js";
import { accepted, ask, hasten, instanceOf, leftBy, mapByTwo, operationOf } from "../../../support/fleet-app.js";
import { tagged, useRestores } from "../../../support/restores.js";
import { eventually } from "../../../support/sandbox.js";
import { type ScriptedProvider } from "../../../support/scripted-provider.js";

const { app, setEnvironment, snapshot, restore, listed, expectProtected, opened } = useRestores();
let provider: ScriptedProvider;
let dba: Client;
beforeAll(() => {
  ({ provider, dba } = opened());
});

describe("a snapshot that was taken while its source was production", () => {
  it("stays so when its source is not any more, and when that is gone; one that is taken later is not", async () => {
    await setEnvironment("formerly", "PRODUCTION");
    provider.shoot("formerly", "of-production");
    await hasten(app, "inventory-scripted");
    await setEnvironment("formerly", null);
    const { id } = await instanceOf(dba, "formerly", "id");
    expect((await instanceOf(dba, "formerly", "environment { environment }")).environment.environment).toBe("TEST");
    await expectProtected("formerly", "of-production");
    expect((await snapshot("formerly", "of-test")).status).toBe("available");
    provider.instances.delete("formerly");
    await hasten(app, "inventory-scripted");
    await expectProtected(id, "of-production");
    const deletion = await accepted(dba, "deleteSnapshot", { instanceId: id, snapshotId: "of-test", waitSeconds: 20 });
    expect(deletion.status).toBe("SUCCEEDED");
    expect(await listed(id)).toEqual([
      { identifier: "of-test", status: "deleted" },
      { identifier: "of-production", status: "available" },
    ]);
  });

  it("floors what its copies count as, whatever its source counts as now", async () => {
    provider.change("floor", { tags: tagged("Staging") });
    await hasten(app, "inventory-scripted");
    await snapshot("floor", "of-staging");
    provider.change("floor", { tags: tagged("Test") });
    await hasten(app, "inventory-scripted");
    const { answer, operations } = await leftBy(app, () => restore("floor", "of-staging", "floor-copy"));
    expect(answer.errors?.[0]?.extensions).toMatchObject({ code: "FAILED_PRECONDITION", state: "less protected" });
    expect(operations).toBe(0);
  });

  it("is found out by the worker, where an operation was accepted before that was known", async () => {
    await snapshot("waiting", "w-1");
    let isHeld = true;
    provider.scripts.set("waiting", { describe: () => (isHeld ? Promise.reject(new Error("not now")) : undefined) });
    const waiting = [];
    for (const [verb, more] of [
      ["deleteSnapshot", {}],
      ["restoreSnapshot", { identifier: "waiting-copy" }],
    ] as const)
      waiting.push(await accepted(dba, verb, { instanceId: "waiting", snapshotId: "w-1", ...more }));
    await app.sql`update snapshots set environment = 'PRODUCTION' where identifier = 'w-1'`;
    isHeld = false;
    for (const { id } of waiting) {
      const ended = await eventually(async () => {
        const operation = await operationOf(dba, id);
        return operation.endedAt !== null && operation;
      }, 20_000);
      expect(ended).toMatchObject({ status: "FAILED", error: { code: "PRODUCTION_PROTECTED" } });
      expect(provider.begun).not.toContain(id);
      expect(await app.sql`select event_type from security_events where metadata ->> 'operationId' = ${id}`).toEqual([
        { event_type: "authz_fail" },
      ]);
    }
  });
});

describe("what is restored while its source becomes production", () => {
  it("is production from the end of its restore, until two administrators settle that", async () => {
    const ORIGIN = "environment { environment decidedBy conflict dispute evidence { method environment detail } }";
    const environmentOf = async () => (await instanceOf(dba, "racing-copy", ORIGIN)).environment;
    await snapshot("racing", "l-1");
    provider.scripts.set("racing", { tookMs: 1000 });
    const { id } = await accepted(dba, "restoreSnapshot", {
      instanceId: "racing",
      snapshotId: "l-1",
      identifier: "racing-copy",
    });
    await eventually(() => provider.begun.includes(id));
    await setEnvironment("racing", "PRODUCTION");
    await eventually(async () => (await operationOf(dba, id)).status === "SUCCEEDED", 20_000);
    const evidence = { method: "ORIGIN", environment: "PRODUCTION", detail: expect.stringContaining("restored") };
    // It is refreshed after the end, and nobody sees it as less before.
    const before = await eventually(async () => (await instanceOf(dba, "racing-copy", ORIGIN))?.environment);
    expect(before).toMatchObject({ environment: "PRODUCTION", decidedBy: "ORIGIN", conflict: true });
    expect(before.evidence).toContainEqual(evidence);
    expect(before.dispute).toContain("ORIGIN PRODUCTION");
    // Neither what its source is, nor another look, nor a mapping that settles nothing takes that back.
    await setEnvironment("racing", null);
    await hasten(app, "inventory-scripted");
    await setEnvironment("racing-copy", "TEST");
    expect((await environmentOf()).environment).toBe("PRODUCTION");
    expect((await ask(dba, "rebootInstance", { instanceId: "racing-copy" })).code).toBe("PRODUCTION_PROTECTED");
    const { dispute: settles } = await environmentOf();
    await mapByTwo(app, { instanceId: "racing-copy", environment: "TEST", settles });
    expect(await environmentOf()).toMatchObject({ environment: "TEST", decidedBy: "INSTANCE_MAPPING" });
  });
});

describe("a look at the provider whose answer comes late", () => {
  /** The next answer of `verb` is what it is when it is asked for, and comes when it is let go. */
  function held(verb: "list" | "listScopeSnapshots") {
    const [asked, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const usual = provider[verb] as (...given: unknown[]) => Promise<unknown>;
    const late = async (...given: unknown[]) => {
      Object.assign(provider, { [verb]: usual });
      const answer = await usual(...given);
      asked.resolve();
      await gate.promise;
      return answer;
    };
    Object.assign(provider, { [verb]: late });
    return { asked: asked.promise, letGo: gate.resolve };
  }

  it("of instances does not undo what was seen meanwhile: not their status, not their findings, nor that they are there", async () => {
    const finding = { kind: "odd", severity: "WARNING", subject: null, detail: "It is odd." } as const;
    await snapshot("orders", "of-late");
    const list = held("list");
    const look = hasten(app, "inventory-scripted");
    await list.asked;
    expect((await restore("orders", "of-late", "late-copy")).data.restoreSnapshot.operation.status).toBe("SUCCEEDED");
    provider.change("late", { status: "modifying", findings: [finding], tags: tagged("Staging") });
    await accepted(dba, "rebootInstance", { instanceId: "late", waitSeconds: 20 });
    list.letGo();
    await look;
    const [copy] = await app.sql`select vanished_at from instances where identifier = 'late-copy'`;
    expect(copy).toEqual({ vanished_at: null });
    const fields = "status environment { environment } findings { nodes { kind resolvedAt } }";
    expect(await instanceOf(dba, "late", fields)).toEqual({
      status: "modifying",
      environment: { environment: "STAGING" },
      findings: { nodes: [{ kind: "odd", resolvedAt: null }] },
    });
    provider.change("late", { status: "available", findings: [], tags: tagged("Test") });
    await hasten(app, "inventory-scripted");
    expect(await instanceOf(dba, "late", "status")).toEqual({ status: "available" });
  });

  it("of snapshots does not bring back one that was deleted meanwhile", async () => {
    const { id } = await instanceOf(dba, "late", "id");
    await snapshot("late", "late-gone");
    const list = held("listScopeSnapshots");
    const look = hasten(app, "inventory-scripted");
    await list.asked;
    provider.forget("late-gone");
    await accepted(dba, "rebootInstance", { instanceId: "late", waitSeconds: 20 });
    list.letGo();
    await look;
    expect(await listed(id)).toContainEqual({ identifier: "late-gone", status: "deleted" });
  });
});
