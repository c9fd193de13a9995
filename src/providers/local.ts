/** Makes the provider `local`, which runs PostgreSQL clusters on this host with all their files below one folder. */
import { join } from "node:path";
import { unavailable } from "../errors.js";
import type { Log } from "../log.js";
import type { ClusterSettings } from "../postgres/cluster.js";
import { makePrivateFolder } from "../postgres/folder.js";
import { type OsUser, runAsOsUser } from "../postgres/os-user.js";
import { OPERATION_TYPES } from "../values/operations/declarations.js";
import type { LocalParameterGroups } from "../values/parameter-groups.js";
import type { Report } from "./deed.js";
import { applyBackupWindowIfDue } from "./local/backup-window.js";
import { bringUp } from "./local/bring-up.js";
import { completeClassChange } from "./local/class-change.js";
import { finishConfiguration } from "./local/configure.js";
import type { NewInstance, NewInstanceConnection } from "./local/create.js";
import { createDescribe } from "./local/describe.js";
import { readLocalFigures } from "./local/figures.js";
import { DEFAULT_LOCAL_HOST_LIMITS, type Host, type LocalHostLimits } from "./local/host.js";
import { applyDueClass, isClassDue } from "./local/instance-class.js";
import { type LocalInstance, primaryOf } from "./local/instance-file.js";
import { openInstances } from "./local/instances.js";
import { readMemberLog } from "./local/member-log.js";
import { clusterOf } from "./local/members.js";
import { createOperations } from "./local/operations.js";
import { takeOwnership } from "./local/ownership.js";
import { createPlans } from "./local/plans.js";
import { createPorts } from "./local/ports.js";
import { createRepair } from "./local/repair.js";
import { createSnapshotOperations, isSnapshotRequest } from "./local/snapshot-operations.js";
import { openSnapshots } from "./local/snapshots.js";
import { createStandbys } from "./local/standbys.js";
import { stopServers } from "./local/stop-start.js";
import { createWatch } from "./local/watch.js";
import type { Provider } from "./provider.js";

export type LocalProviderOptions = {
  /** Holds all files of the provider; private to `user`, as chooseFolder makes it. One process at a time may use it. */
  readonly folder: string;
  /** The folder of `initdb` and `postgres`. */
  readonly bin: string;
  readonly user: OsUser;
  readonly log: Log;
  readonly clock: { now(): Date };
  readonly limits?: Partial<LocalHostLimits>;
  /** PostgreSQL parameters on top of the provider's own. `fsync: "off"` also leaves copies unsynced. */
  readonly settings?: ClusterSettings;
  /** The parameter groups that instances may have beside `default`. */
  readonly parameterGroups?: LocalParameterGroups;
  /** Is called when another process has opened the folder, and this one must no longer touch it. */
  readonly onLost?: () => void;
};

export interface LocalProvider extends Provider {
  /**
   * Plans the wanted instances that are missing: they are listed as `creating` until they are created. A plan that is no longer
   * wanted is removed. @returns the missing instances @throws BAD_USER_INPUT
   */
  plan(wanted: readonly NewInstance[]): Promise<NewInstance[]>;
  /** Makes and starts an instance, which nobody can reach before it is complete. @throws CONFLICT where the identifier is taken, BAD_USER_INPUT */
  create(wanted: NewInstance): Promise<void>;
  /** Starts or adopts every instance and ends what a killed process left unfinished; calls `onStarted` after each, even a failed one. */
  startAll(onStarted?: () => Promise<void>): Promise<void>;
  /** Ends running operations and leaves the instances running. No operation can begin afterwards. */
  release(): Promise<void>;
  /** Does what release() does, and shuts every instance down. */
  stopAll(): Promise<void>;
  /** Starts servers that have died, and rebuilds standbys that cannot follow, except on busy instances. */
  repair(): Promise<void>;
  /** Applies what waits for a maintenance window that has come: backup windows and classes. */
  applyPending(now: Date): Promise<void>;
  /** @returns a superuser's connection to the primary, for postgres.js @throws UNAVAILABLE where there is no such instance */
  connectionOf(identifier: string): Promise<NewInstanceConnection>;
  /** Kills an instance and removes all its files except its snapshots, for tests. */
  destroy(identifier: string): Promise<void>;
}

/** Opens the folder and removes what a killed process left incomplete. It starts no server. */
export async function createLocalProvider(options: LocalProviderOptions): Promise<LocalProvider> {
  const { folder, bin, user, log, clock, settings = {} } = options;
  const [instancesFolder, snapshotsFolder, journalFolder] = ["instances", "snapshots", "journal"].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  for (const path of [instancesFolder, snapshotsFolder, journalFolder]) await makePrivateFolder(path, user);
  const version = (await runAsOsUser(user, join(bin, "postgres"), ["--version"])).match(/[\d.]+/)?.[0] ?? "15";

  const requireOwned = await takeOwnership(folder, options.onLost ?? (() => undefined));
  const instances = openInstances(instancesFolder, user, requireOwned);
  const limits = { ...DEFAULT_LOCAL_HOST_LIMITS, ...options.limits };
  /** Until reportTo() is called, deeds go to the log only. */
  let report: Report = async (deed) => log.info({ deed }, "Did something to an instance that nobody records");
  const host: Host = {
    instances,
    bin,
    user,
    settings,
    isSynced: settings.fsync !== "off",
    limits,
    parameterGroups: options.parameterGroups ?? new Map(),
    log,
    clock,
    report: (deed) => report(deed),
    faults: new Map(),
    applying: new Map(),
  };
  const snapshots = openSnapshots(snapshotsFolder, host);
  const standbys = createStandbys(host);
  const plans = createPlans(host, createPorts(folder, instances), (id) => operations.setReady(id));
  const operations = createOperations(host, snapshots, plans.faultOf, standbys);
  const repair = createRepair(host, operations);
  const watch = createWatch(host, operations, standbys.rebuild);
  const describe = createDescribe(host, operations, plans, watch, version);
  const snapshotOperations = createSnapshotOperations(host, snapshots, journalFolder, plans.create);
  const stopping = new AbortController();
  let starting: Promise<unknown> = Promise.resolve();

  await plans.sweep();
  await snapshots.sweep();
  await snapshotOperations.recover();

  async function requireInstance(identifier: string): Promise<LocalInstance> {
    const wanted = identifier.toLowerCase();
    const instance = (await instances.list()).find((instance) => instance.identifier.toLowerCase() === wanted);
    if (!instance) throw unavailable(`The instance ${identifier}`);
    return instance;
  }

  async function start(id: string): Promise<void> {
    if (stopping.signal.aborted) return;
    try {
      const instance = await instances.find(id);
      // The instance is only planned; its creation starts it.
      if (!instance) return;
      if (instance.wanted === "running") {
        await bringUp(host, id, stopping.signal);
        await plans.applyWaiting(id);
      }
      await finishConfiguration(host, id);
    } catch (error) {
      log.error({ err: error, instance: id }, "An instance does not start");
    }
    try {
      await operations.recover(id);
    } catch (error) {
      log.error({ err: error, instance: id }, "Could not end interrupted operations");
    }
    await completeClassChange(host, id, stopping.signal).catch((error) =>
      log.error({ err: error, instance: id }, "A change of the class has failed"),
    );
    operations.setReady(id);
    standbys.rebuild(id);
  }

  const provider: LocalProvider = {
    name: "local",
    operations: OPERATION_TYPES,
    scopes: [{ accountId: "local", region: null, name: null }],
    discovery: { everySeconds: 60, snapshotsEverySeconds: 60 },
    takesAutomatedSnapshots: false,
    reportTo(newReport) {
      report = newReport;
    },
    async upkeep() {
      await provider.applyPending(clock.now());
      await provider.repair();
      plans.retry();
    },
    watch: () => requireOwned().then(() => watch.look()),
    list: async () =>
      (await Promise.all((await instances.ids()).map(describe))).filter((description) => description !== null),
    isRestoredBy: snapshotOperations.isRestoredBy,
    describe,
    describeWithSiblings: async (providerId) => [await describe(providerId)].filter((found) => found !== null),
    logTail: (providerId, member, lines) => readMemberLog(host, providerId, member, lines),
    figures: (providerId) => readLocalFigures(host, providerId),
    listSnapshots: snapshots.list,
    listScopeSnapshots: snapshots.listAll,
    async deleteSnapshot(providerId, snapshot) {
      await snapshots.remove(providerId, snapshot).catch((error) => Promise.reject(unavailable("The snapshot", error)));
    },
    look: async () => ({}),
    start: (request) => (isSnapshotRequest(request) ? snapshotOperations.start(request) : operations.start(request)),
    poll: (request) => (isSnapshotRequest(request) ? snapshotOperations.poll(request) : operations.poll(request)),
    cancel: (request) => (isSnapshotRequest(request) ? snapshotOperations.cancel(request) : operations.cancel(request)),

    plan: plans.plan,
    create: plans.create,
    async startAll(onStarted = async () => undefined) {
      const starts = (await instances.ids()).map((id) => start(id).then(onStarted));
      starting = Promise.allSettled(starts);
      await Promise.all(starts);
    },
    async release() {
      stopping.abort();
      // A server that is still starting would come up after the others have been shut down.
      await starting;
      await Promise.all([plans.stop(), snapshotOperations.stop()]);
      await operations.stop();
      await standbys.stop();
    },
    async stopAll() {
      await provider.release();
      const shutdowns = await Promise.allSettled((await instances.list()).map((each) => stopServers(host, each)));
      for (const shutdown of shutdowns)
        if (shutdown.status === "rejected") log.error({ err: shutdown.reason }, "An instance does not stop");
    },
    async repair() {
      for (const instance of await instances.list()) {
        if (instance.wanted === "stopped" || !operations.isReady(instance.providerId)) continue;
        if (operations.statusWhileBusy(instance.providerId) !== undefined) continue;
        await repair(instance, stopping.signal);
        standbys.rebuild(instance.providerId);
      }
    },
    async applyPending(now) {
      for (const instance of await instances.list()) {
        await applyBackupWindowIfDue(host, instance, now);
        const { providerId, identifier } = instance;
        if (!isClassDue(instance, now) || !operations.isReady(providerId)) continue;
        await operations
          .whileBusy(providerId, "modifying", (current) => applyDueClass(host, current, stopping.signal))
          .catch((error) => log.error({ err: error, instance: identifier }, "A change of the class has failed"));
      }
    },
    async connectionOf(identifier) {
      const instance = await requireInstance(identifier);
      const member = primaryOf(instance);
      const credentials = await clusterOf(host, instance, member).superuser();
      return { host: "127.0.0.1", port: member.port, database: "postgres", ...credentials };
    },
    async destroy(identifier) {
      const { providerId } = await requireInstance(identifier);
      await standbys.giveUp(providerId);
      await plans.removeAll(providerId);
    },
  };
  return provider;
}
