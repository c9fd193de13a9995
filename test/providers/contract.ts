/** What every provider must do, whatever it talks to. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { OperationRequest, Provider } from "../../src/providers/provider.js";
import { insteadOfCancelling } from "../../src/values/operations/operability.js";
import {
  deletionOf,
  intentOf,
  listAll,
  newOperationId,
  operate,
  rebootOf,
  restoreOf,
  snapshotOf,
  startOf,
  stopOf,
  tagsOf,
  untilEnded,
} from "../support/ground.js";
import { eventually } from "../support/sandbox.js";
import { testSettings } from "./contract-settings.js";

export interface UnderTest {
  readonly provider: Provider;
  /** Two classes that its instance can have, beside the one that it has. */
  readonly classes: readonly [string, string];
  /** A parameter group of which some settings wait for a reboot, and one that it cannot have. */
  readonly groups: readonly [string, string];
  /** Whether it reads the logs of members. */
  readonly readsLogs: boolean;
  /** An available instance without a standby. */
  readonly identifier: string;
  stop(): Promise<void>;
}

export function describeProvider(name: string, create: () => Promise<UnderTest>): void {
  describe(`the provider ${name}`, () => {
    let it: UnderTest;
    let provider: Provider;
    let providerId: string;
    const look = async () => (await provider.describe(providerId))!;
    /** Whether Postern removes its automated snapshots when their retention is over. */
    const removes = () => !provider.takesAutomatedSnapshots;

    beforeAll(async () => {
      it = await create();
      provider = it.provider;
      providerId = (await listAll(provider)).find(({ identifier }) => identifier === it.identifier)!.providerId;
    });
    afterAll(() => it?.stop());

    test("lists what it describes, with everything that an inventory needs", async () => {
      const instance = await look();
      expect(await listAll(provider)).toContainEqual(instance);
      expect(instance).toMatchObject({
        providerId,
        identifier: it.identifier,
        status: "available",
        multiAz: false,
        engine: expect.stringMatching(/^[a-z]/),
        engineVersion: expect.stringMatching(/^\d/),
        endpoint: { host: expect.any(String), port: expect.any(Number) },
        backupWindow: expect.stringMatching(/^\d\d:\d\d-\d\d:\d\d$/),
        maintenanceWindow: expect.stringMatching(/^\w{3}:\d\d:\d\d-\w{3}:\d\d:\d\d$/),
        pendingBackupWindow: null,
      });
      expect(instance.members.map(({ role }) => role)).toEqual(["PRIMARY"]);
    });

    test("an instance that is gone is null, and what is asked of it fails", async () => {
      expect(await provider.describe("db-0000000000000000")).toBeNull();
      const end = await operate(provider, snapshotOf("db-0000000000000000", "of-nothing"));
      expect(end).toMatchObject({ state: "failed", failure: { code: "DBInstanceNotFound" } });
      expect(await provider.listSnapshots("db-0000000000000000")).toEqual([]);
    });

    test("the last lines of a member's log, as many as asked for; of what is gone none", async ({ skip }) => {
      const { name } = (await look()).members[0]!;
      if (!it.readsLogs) skip("This provider reads no logs.");
      const lines = await provider.logTail(providerId, name, 3);
      expect(lines).toHaveLength(3);
      expect((await provider.logTail(providerId, name, 2))!).toHaveLength(2);
      expect(await provider.logTail(providerId, `${name}-other`, 3)).toBeNull();
      expect(await provider.logTail("db-0000000000000000", name, 3)).toBeNull();
    });

    test("an operation that was never started is unknown", async () => {
      const request = { ...snapshotOf(providerId, "never"), operationId: newOperationId() } as OperationRequest;
      expect(await provider.poll(request, null)).toEqual({ state: "unknown" });
    });

    test("a snapshot is taken once, however often it is asked for, and can be deleted twice", async () => {
      const request = { ...snapshotOf(providerId, "Contract-1"), operationId: newOperationId() } as OperationRequest;
      const intent = await intentOf(provider, request);
      await Promise.all([provider.start(request, intent), provider.start(request, intent)]);
      const end = await untilEnded(provider, request, intent);
      await provider.start(request, intent);
      expect(await provider.poll(request, intent)).toEqual(end);

      const snapshots = (await provider.listSnapshots(providerId))!;
      expect(snapshots).toEqual([
        {
          uid: expect.stringMatching(/./),
          identifier: expect.stringMatching(/^contract-1$/i),
          arn: expect.stringMatching(/./),
          status: "available",
          sizeBytes: provider.name === "aws-rds" ? null : expect.any(Number),
          createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
          tags: expect.arrayContaining([{ key: "By", value: "test" }]),
          automated: false,
        },
      ]);
      expect(end).toMatchObject({ state: "succeeded", resourceStatus: "available", snapshot: snapshots[0] });

      const again = await operate(provider, snapshotOf(providerId, "CONTRACT-1"));
      expect(again).toMatchObject({ state: "failed", failure: { code: "DBSnapshotAlreadyExists" } });
      // Another one of the identifier is not what was meant.
      const another = { snapshotUid: "another" };
      if (removes()) await provider.deleteSnapshot(providerId, { snapshotId: "contract-1", ...another });
      for (const wanted of [deletionOf(providerId, "contract-1"), restoreOf(providerId, "contract-1", "copy-0")]) {
        const failure = { state: "failed", failure: { code: "DBSnapshotNotFound" } };
        expect(await operate(provider, { ...wanted, ...another })).toMatchObject(failure);
      }
      expect(await provider.listSnapshots(providerId)).toEqual(snapshots);
      const named = { snapshotUid: snapshots[0]?.uid };
      if (removes()) await provider.deleteSnapshot(providerId, { snapshotId: "contract-1", ...named });
      else await operate(provider, { ...deletionOf(providerId, "contract-1"), ...named });
      expect(await provider.listSnapshots(providerId)).toEqual([]);
      if (removes()) await provider.deleteSnapshot(providerId, { snapshotId: "contract-1" });
    });

    test("a snapshot is deleted once by an operation; what is not there fails", async () => {
      await operate(provider, snapshotOf(providerId, "Contract-2"));
      const request = { ...deletionOf(providerId, "contract-2"), operationId: newOperationId() } as OperationRequest;
      const intent = await intentOf(provider, request);
      await Promise.all([provider.start(request, intent), provider.start(request, intent)]);
      const end = await untilEnded(provider, request, intent);
      expect(end).toMatchObject({
        state: "succeeded",
        resourceStatus: "deleted",
        result: { snapshotId: "contract-2" },
      });
      expect(await provider.listSnapshots(providerId)).toEqual([]);
      await provider.start(request, intent);
      expect(await provider.poll(request, intent)).toEqual(end);
      const failure = { state: "failed", failure: { code: "DBSnapshotNotFound" } };
      expect(await operate(provider, deletionOf(providerId, "contract-2"))).toMatchObject(failure);
      expect(await operate(provider, deletionOf("db-0000000000000000", "contract-2"))).toMatchObject(failure);
    });

    test("a snapshot is restored once as an instance of its own; its source and its name are needed, other names not taken", async () => {
      await operate(provider, snapshotOf(providerId, "Contract-3"));
      const request = {
        ...restoreOf(providerId, "CONTRACT-3", "copy-1"),
        operationId: newOperationId(),
      } as OperationRequest;
      const intent = await intentOf(provider, request);
      await Promise.all([provider.start(request, intent), provider.start(request, intent)]);
      const end = await untilEnded(provider, request, intent);
      expect(end).toMatchObject({
        state: "succeeded",
        resourceStatus: "available",
        result: { identifier: "copy-1", providerId: expect.any(String) },
      });
      const made = end.state === "succeeded" && (end.result.providerId as string);
      expect(await provider.describe(made as string)).toMatchObject({
        identifier: "copy-1",
        status: "available",
        tags: expect.arrayContaining([{ key: "Environment", value: "Test" }]),
        backupWindow: "02:00-02:30",
        // AWS chooses it.
        maintenanceWindow: provider.name === "aws-rds" ? expect.any(String) : "sun:05:00-sun:06:00",
        backupRetentionDays: 7,
        multiAz: false,
      });
      await provider.start(request, intent);
      expect(await provider.poll(request, intent)).toEqual(end);
      const before = await listAll(provider);
      const fails = async (wanted: Parameters<typeof operate>[1], code: string) =>
        expect(await operate(provider, wanted)).toMatchObject({ state: "failed", failure: { code } });
      await fails(restoreOf(providerId, "Contract-3", "COPY-1"), "DBInstanceAlreadyExists");
      await fails(restoreOf(providerId, "Contract-3", it.identifier), "DBInstanceAlreadyExists");
      await fails(restoreOf(providerId, "Contract-4", "copy-2"), "DBSnapshotNotFound");
      await fails(restoreOf(made as string, "Contract-3", "copy-2"), "DBSnapshotNotFound");
      await fails(restoreOf(providerId, "Contract-3", "../copy"), "InvalidParameterValue");
      expect((await listAll(provider)).map(({ identifier }) => identifier)).toEqual(
        before.map(({ identifier }) => identifier),
      );
      await operate(provider, deletionOf(providerId, "contract-3"));
    });

    test("what is cancelled while it runs leaves nothing, where the provider can; what has ended stays as it is", async () => {
      await operate(provider, snapshotOf(providerId, "Contract-5"));
      const before = [await listAll(provider), await provider.listSnapshots(providerId)];
      for (const wanted of [snapshotOf(providerId, "cut"), restoreOf(providerId, "contract-5", "cut")]) {
        const request = { ...wanted, operationId: newOperationId() } as OperationRequest;
        const intent = await intentOf(provider, request);
        await provider.start(request, intent);
        const cancelled = Promise.all([provider.cancel(request), provider.cancel(request)]);
        if (insteadOfCancelling(provider.name, request.type) !== null) {
          await expect(cancelled).rejects.toMatchObject({ code: "UNAVAILABLE" });
          expect(await untilEnded(provider, request, intent)).toMatchObject({ state: "succeeded" });
          continue;
        }
        await cancelled;
        const end = await provider.poll(request, intent);
        expect(end).toMatchObject({ state: "failed", failure: { code: "CancelRequested" } });
        expect([await listAll(provider), await provider.listSnapshots(providerId)]).toEqual(before);
        // Asked for again, it does not begin; under another id it does.
        await Promise.all([provider.start(request, intent), provider.cancel(request)]);
        expect(await provider.poll(request, intent)).toEqual(end);
        const never = { ...wanted, operationId: newOperationId() } as OperationRequest;
        await provider.cancel(never);
        await provider.start(never, intent);
        expect(await provider.poll(never, intent)).toMatchObject({ failure: { code: "CancelRequested" } });
      }
      const ended = { ...snapshotOf(providerId, "whole"), operationId: newOperationId() } as OperationRequest;
      const intent = await intentOf(provider, ended);
      await provider.start(ended, intent);
      const end = await untilEnded(provider, ended, intent);
      await provider.cancel(ended).catch(() => undefined);
      expect(await provider.poll(ended, intent)).toEqual(end);
      for (const { identifier } of (await provider.listSnapshots(providerId))!) {
        expect(await operate(provider, deletionOf(providerId, identifier))).toMatchObject({ state: "succeeded" });
      }
    });

    test.each(["1st", "two--hyphens", "end-", "../up", "a".repeat(256), ""])(
      "%j names no snapshot",
      async (identifier) => {
        const before = await provider.listSnapshots(providerId);
        const end = await operate(provider, snapshotOf(providerId, identifier));
        expect(end).toMatchObject({ state: "failed", failure: { code: "InvalidParameterValue" } });
        expect(await provider.listSnapshots(providerId)).toEqual(before);
      },
    );

    test("a reboot ends with how long the instance was away, which is then available again", async () => {
      const end = await operate(provider, rebootOf(providerId));
      expect(end).toMatchObject({
        state: "succeeded",
        result: { awaySeconds: expect.any(Number), failedOver: false, primary: expect.any(String) },
      });
      expect(await look()).toMatchObject({ status: "available" });
    });

    test("a failover without a standby fails", async () => {
      expect(await operate(provider, rebootOf(providerId, true))).toMatchObject({ state: "failed" });
      expect(await look()).toMatchObject({ status: "available" });
    });

    test("a stop and a start are done once, however often they are asked for, and do nothing where it is so already", async () => {
      const moment = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
      const again = provider.name === "aws-rds" ? moment : null;
      const stopped = {
        state: "succeeded",
        resourceStatus: "stopped",
        result: { stoppedAt: moment, startsAgainAt: again },
      };
      const started = {
        state: "succeeded",
        resourceStatus: "available",
        result: { startedAt: moment, primary: expect.any(String) },
      };
      const before = await look();
      for (const [wanted, end] of [
        [stopOf(providerId), stopped],
        [startOf(providerId), started],
      ] as const) {
        const request = { ...wanted, operationId: newOperationId() } as OperationRequest;
        const intent = await intentOf(provider, request);
        await Promise.all([provider.start(request, intent), provider.start(request, intent)]);
        expect(await untilEnded(provider, request, intent)).toMatchObject(end);
        expect(await look()).toMatchObject({ status: end.resourceStatus });
        await provider.start(request, intent);
        expect(await provider.poll(request, intent)).toMatchObject(end);
        expect(await operate(provider, wanted), "again").toMatchObject(end);
      }
      expect({ ...(await look()), members: [] }).toEqual({ ...before, members: [] });
      const gone = { state: "failed", failure: { code: "DBInstanceNotFound" } };
      expect(await operate(provider, stopOf("db-0000000000000000"))).toMatchObject(gone);
      expect(await operate(provider, startOf("db-0000000000000000"))).toMatchObject(gone);
    });

    test("tags are set and removed once, however often that is asked for, and the others stay", async () => {
      const before = (await look()).tags;
      const request = {
        ...tagsOf(providerId, { Contract: "1", By: "test" }, "absent"),
        operationId: newOperationId(),
      } as OperationRequest;
      const intent = await intentOf(provider, request);
      await Promise.all([provider.start(request, intent), provider.start(request, intent)]);
      const end = await untilEnded(provider, request, intent);
      const { tags } = await look();
      expect(tags).toEqual(expect.arrayContaining([...before, { key: "Contract", value: "1" }]));
      expect(tags).toHaveLength(before.length + 2);
      expect(end).toMatchObject({ state: "succeeded", resourceStatus: "available", result: { tags } });
      await provider.start(request, intent);
      expect(await provider.poll(request, intent)).toEqual(end);
      const again = tagsOf(providerId, { Contract: "2" }, "By");
      for (const _ of ["once", "again"]) expect(await operate(provider, again)).toMatchObject({ state: "succeeded" });
      expect((await look()).tags).toEqual(expect.arrayContaining([...before, { key: "Contract", value: "2" }]));
      expect(await operate(provider, tagsOf(providerId, {}, "Contract"))).toMatchObject({ state: "succeeded" });
      expect((await look()).tags).toEqual(before);
      const many = Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`k${n}`, "x"]));
      const wrong = { state: "failed", failure: { code: "InvalidParameterValue" } };
      expect(await operate(provider, tagsOf(providerId, many))).toMatchObject(wrong);
      expect((await look()).tags).toEqual(before);
      const gone = { state: "failed", failure: { code: "DBInstanceNotFound" } };
      expect(await operate(provider, tagsOf("db-0000000000000000", { a: "b" }))).toMatchObject(gone);
    });

    test("a backup window is modified at once", async () => {
      const backupWindow = "10:15-10:45";
      const wanted = { providerId, type: "MODIFY_BACKUP_WINDOW", backupWindow, applyImmediately: true } as const;
      const end = await operate(provider, wanted);
      expect(end).toMatchObject({ state: "succeeded", result: { backupWindow, pendingBackupWindow: null } });
      await eventually(async () => (await look()).backupWindow === backupWindow);
      expect(await operate(provider, wanted), "again").toMatchObject({ state: "succeeded", result: { backupWindow } });
      const wrong = await operate(provider, { ...wanted, backupWindow: "25:00-26:00" });
      expect(wrong).toMatchObject({ state: "failed", failure: { code: "InvalidParameterValue" } });
    });

    testSettings(() => ({ it, providerId, look }));
  });
}
