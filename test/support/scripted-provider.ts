/** A provider that does what a test tells it: answers late, never, not for a while, or without an end. */

import { AppError } from "../../src/errors.js";
import type { Report } from "../../src/providers/deed.js";
import {
  type FailoverDue,
  type InstanceDescription,
  type Intent,
  type OperationRequest,
  type Poll,
  type Provider,
  type Sight,
  type SnapshotDescription,
} from "../../src/providers/provider.js";
import { OPERATION_TYPES } from "../../src/values/operations/declarations.js";
import { tagsAfter } from "../../src/values/tags.js";

export const unavailable = () => new AppError("UNAVAILABLE", "The provider does not answer. Try again.");

/** What is known of an operation that was started. */
export interface Run {
  readonly request: OperationRequest;
  /** The intent that the last poll was given. */
  intent: Intent | null;
  /** How often start was called. */
  starts: number;
  polls: number;
  /** How often cancel was called, and whether that has ended it. */
  cancels: number;
  isCancelled: boolean;
  readonly sinceMs: number;
}

/** How an instance behaves; what is left out behaves well. */
export interface Script {
  poll?: (run: Run, usual: () => Poll) => Poll | Promise<Poll>;
  /** Before a start is taken. */
  start?: (request: OperationRequest, intent: Intent) => void | Promise<void>;
  /** Instead of ending what is cancelled. */
  cancel?: (run: Run) => void | Promise<void>;
  /** What is seen before a start. */
  look?: () => Sight;
  describe?: () => void | Promise<void>;
  /** The whole log of a member; none unless given. */
  log?: (member: string) => readonly string[] | Promise<readonly string[]>;
  /** How long an operation runs; 50 ms unless given. */
  tookMs?: number;
}

export interface ScriptedProvider extends Provider {
  readonly instances: Map<string, InstanceDescription>;
  readonly scripts: Map<string, Script>;
  readonly runs: Map<string, Run>;
  /** Operations that began to run, in this order. */
  readonly begun: string[];
  /** What the next look finds to be due. */
  readonly dues: FailoverDue[];
  add(identifier: string, facts?: Partial<InstanceDescription>, script?: Script): void;
  change(identifier: string, facts: Partial<InstanceDescription>): void;
  /** Somebody takes a snapshot outside. */
  shoot(identifier: string, snapshotId: string): void;
  /** Somebody deletes a snapshot outside. */
  forget(snapshotId: string): void;
  /** Somebody deletes a snapshot outside, and takes another one under its identifier. */
  replace(snapshotId: string): void;
  /** Tells of something that it did by itself. */
  report: Report;
  /** Never resolves, until all of them are released. */
  never(): Promise<never>;
  release(): void;
}

export function scriptedProvider(name = "scripted"): ScriptedProvider {
  const instances = new Map<string, InstanceDescription>();
  const scripts = new Map<string, Script>();
  const runs = new Map<string, Run>();
  const begun: string[] = [];
  const ends = new Map<string, Poll>();
  const dues: FailoverDue[] = [];
  const restored = new Map<string, string>();
  const snapshots: (SnapshotDescription & { providerId: string })[] = [];
  let report: Report = async () => undefined;
  let released = Promise.withResolvers<void>();

  function usual(run: Run): Poll {
    const { request } = run;
    const { tookMs = 50 } = scripts.get(request.providerId) ?? {};
    if (run.isCancelled) {
      const failure = { code: "CancelRequested", message: "It was cancelled." };
      return { state: "failed", resourceStatus: "failed", failure };
    }
    if (Date.now() - run.sinceMs < tookMs) {
      return { state: "running", resourceStatus: "working", message: "It goes on.", percent: null };
    }
    const done = { state: "succeeded", resourceStatus: "available", message: "Done." } as const;
    if (request.type === "DELETE_SNAPSHOT" || request.type === "RESTORE_SNAPSHOT") {
      const end = ends.get(request.operationId) ?? ofSnapshot(request);
      ends.set(request.operationId, end);
      return end;
    }
    if (request.type === "REBOOT_INSTANCE") {
      return { ...done, result: { awaySeconds: 0.1, failedOver: false, primary: request.providerId } };
    }
    if (request.type === "MODIFY_BACKUP_WINDOW") {
      return { ...done, result: { backupWindow: request.backupWindow, pendingBackupWindow: null } };
    }
    if (request.type === "CHANGE_PARAMETER_GROUP") {
      return { ...done, result: { parameterGroup: { name: request.parameterGroup, status: "in-sync" } } };
    }
    if (request.type === "MODIFY_INSTANCE_CLASS") {
      return { ...done, result: { instanceClass: request.instanceClass, pendingInstanceClass: null } };
    }
    if (request.type === "STOP_INSTANCE" || request.type === "START_INSTANCE") return { ...done, result: {} };
    if (request.type === "SET_INSTANCE_TAGS") {
      const instance = instances.get(request.providerId)!;
      const changed = tagsAfter(instance.tags, request);
      instances.set(request.providerId, { ...instance, tags: changed });
      return { ...done, result: { tags: changed } };
    }
    const { providerId, snapshotId, tags, automated } = request;
    const arn = `scripted:${request.operationId}`;
    let snapshot = snapshots.find((one) => one.arn === arn);
    if (!snapshot) {
      const createdAt = new Date(run.sinceMs).toISOString();
      snapshot = {
        uid: request.operationId,
        identifier: snapshotId,
        arn,
        status: "available",
        sizeBytes: 7,
        createdAt,
        tags,
        automated,
        providerId,
      };
      snapshots.push(snapshot);
    }
    return { ...done, result: {}, snapshot: withoutInstance(snapshot) };
  }

  function ofSnapshot(request: Extract<OperationRequest, { type: "DELETE_SNAPSHOT" | "RESTORE_SNAPSHOT" }>): Poll {
    const { providerId, snapshotId, snapshotUid } = request;
    const isMeant = (one: (typeof snapshots)[number]) =>
      one.providerId === providerId && one.identifier === snapshotId && one.uid === (snapshotUid ?? one.uid);
    const found = snapshots.findIndex(isMeant);
    if (found < 0) {
      const failure = { code: "DBSnapshotNotFound", message: "There is no such snapshot." };
      return { state: "failed", resourceStatus: "deleted", failure };
    }
    const done = { state: "succeeded", message: "Done." } as const;
    if (request.type === "DELETE_SNAPSHOT") {
      snapshots.splice(found, 1);
      return { ...done, resourceStatus: "deleted", result: { snapshotId } };
    }
    const { identifier, tags, backupWindow, maintenanceWindow, backupRetentionDays } = request;
    restored.set(identifier, request.operationId);
    provider.add(identifier, { tags, backupWindow, maintenanceWindow, backupRetentionDays });
    return { ...done, resourceStatus: "available", result: { identifier, providerId: identifier } };
  }

  const withoutInstance = ({ providerId: _, ...snapshot }: SnapshotDescription & { providerId: string }) => snapshot;

  const provider: ScriptedProvider = {
    name,
    operations: OPERATION_TYPES,
    scopes: [{ accountId: name, region: null, name: null }],
    discovery: { everySeconds: 60, snapshotsEverySeconds: 60 },
    takesAutomatedSnapshots: false,
    instances,
    scripts,
    runs,
    begun,
    dues,
    add(identifier, facts = {}, script = {}) {
      scripts.set(identifier, script);
      instances.set(identifier, {
        providerId: identifier,
        identifier,
        arn: null,
        accountId: null,
        region: null,
        engine: "postgres",
        engineVersion: "15.8",
        instanceClass: null,
        pendingInstanceClass: null,
        parameterGroup: null,
        storageGiB: 1,
        multiAz: false,
        status: "available",
        endpoint: null,
        members: [],
        cluster: null,
        tags: [{ key: "Environment", value: "Development" }],
        backupWindow: null,
        pendingBackupWindow: null,
        maintenanceWindow: null,
        backupRetentionDays: 0,
        autoFailover: null,
        findings: [],
        ...facts,
      });
    },
    change(identifier, facts) {
      instances.set(identifier, { ...(instances.get(identifier) as InstanceDescription), ...facts });
    },
    shoot(providerId, snapshotId) {
      const arn = `scripted:outside:${snapshotId}`;
      const facts = {
        status: "available",
        sizeBytes: 7,
        tags: [],
        automated: false,
        createdAt: new Date().toISOString(),
      };
      snapshots.push({ ...facts, uid: arn, identifier: snapshotId, arn, providerId });
    },
    forget(snapshotId) {
      snapshots.splice(
        snapshots.findIndex(({ identifier }) => identifier === snapshotId),
        1,
      );
    },
    replace(snapshotId) {
      const place = snapshots.findIndex(({ identifier }) => identifier === snapshotId);
      const before = snapshots[place]!;
      snapshots[place] = { ...before, uid: `${before.uid}-2`, createdAt: new Date().toISOString() };
    },
    async never() {
      await released.promise;
      throw unavailable();
    },
    release() {
      released.resolve();
      released = Promise.withResolvers();
    },
    reportTo(told) {
      report = told;
    },
    report: (deed) => report(deed),
    upkeep: async () => undefined,
    watch: async () => dues.splice(0),
    list: async () => [...instances.values()],
    isRestoredBy: async ({ providerId }, { operationId }) => restored.get(providerId) === operationId,
    async describe(providerId) {
      await scripts.get(providerId)?.describe?.();
      return instances.get(providerId) ?? null;
    },
    async describeWithSiblings(providerId) {
      const found = await provider.describe(providerId);
      return found ? [found] : [];
    },
    async logTail(providerId, member, lines) {
      const log = await scripts.get(providerId)?.log?.(member);
      return log?.slice(-lines) ?? null;
    },
    figures: async () => null,
    listSnapshots: async (providerId) =>
      snapshots.filter((snapshot) => snapshot.providerId === providerId).map(withoutInstance),
    listScopeSnapshots: async () =>
      snapshots.map((snapshot) => ({ providerId: snapshot.providerId, snapshot: withoutInstance(snapshot) })),
    deleteSnapshot: async () => undefined,
    look: async ({ providerId }) => scripts.get(providerId)?.look?.() ?? {},
    async start(request, intent) {
      await scripts.get(request.providerId)?.start?.(request, intent);
      const known = runs.get(request.operationId);
      if (known) {
        known.starts += 1;
        return;
      }
      runs.set(request.operationId, {
        request,
        intent,
        starts: 1,
        polls: 0,
        cancels: 0,
        isCancelled: false,
        sinceMs: Date.now(),
      });
      begun.push(request.operationId);
    },
    async cancel(request) {
      const run = runs.get(request.operationId);
      if (!run) return;
      run.cancels += 1;
      const cancel = scripts.get(request.providerId)?.cancel;
      if (cancel) return cancel(run);
      if (usual(run).state === "running") run.isCancelled = true;
    },
    async poll(request, intent) {
      const run = runs.get(request.operationId);
      if (!run) return { state: "unknown" };
      run.polls += 1;
      run.intent = intent;
      const poll = scripts.get(request.providerId)?.poll;
      return poll ? poll(run, () => usual(run)) : usual(run);
    },
  };
  return provider;
}

/** Short polling for all operations of each provider: how often it is asked before the operation has timed out. */
export const polling = (attempts: Record<string, number>) => {
  const pace = (times: number) => ({ intervalMs: 100, attempts: times });
  const paces = Object.entries(attempts).map(([name, times]) => [
    name,
    Object.fromEntries(OPERATION_TYPES.map((type) => [type, pace(times)])),
  ]);
  return { OPERATION_POLLING: JSON.stringify(Object.fromEntries(paces)) };
};
