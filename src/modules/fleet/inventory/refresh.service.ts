/** Refreshes the inventory: it looks at a scope or at one instance, and writes what that has shown. */

import type { Db } from "../../../db/client.js";
import { AppError, providerUnavailable } from "../../../errors.js";
import type { Log } from "../../../log.js";
import type {
  InstanceDescription,
  Provider,
  ProviderScope,
  ScopeSnapshot,
  SnapshotDescription,
} from "../../../providers/provider.js";
import { SIMULATED_TAG } from "../../../values/instances.js";
import { withTimeout } from "../../../values/with-timeout.js";
import { lockClassification } from "./classification.store.js";
import { findInstanceById, findInstanceId, type StoredInstance } from "./inventory.store.js";
import { findRefreshStart, listInstanceIds, listPresentProviderIds } from "./refresh.store.js";
import { type RefreshedScope, type ScopeFault, updateScope, upsertScopes } from "./scopes.store.js";
import {
  findSnapshotId,
  markSnapshotsDeleted,
  type SnapshotOwners,
  updateLastBackups,
  upsertSnapshots,
} from "./snapshots.store.js";
import type { WrittenCounts, WrittenInstances } from "./written-instances.service.js";

interface RefreshDeps {
  readonly db: Db;
  readonly log: Log;
  readonly instances: WrittenInstances;
}

/** What a provider has answered about a scope. */
export interface ScopeLook {
  /** When it began, by the database's clock. */
  readonly lookedAt: string;
  /** Null where they could not be listed. */
  readonly descriptions: readonly InstanceDescription[] | null;
  /** The provider's ids of those that it could not describe. */
  readonly undescribedIds: readonly string[];
  /** Null where they were not due, or could not be listed. */
  readonly snapshots: readonly ScopeSnapshot[] | null;
  /** The calls to the provider. */
  readonly calls: number;
  readonly fault: ScopeFault | null;
}

/** Counts what a look at a scope has shown. */
export interface ScopeOutcome extends WrittenCounts {
  readonly calls: number;
  readonly error: ScopeFault | null;
}

const timedOut = () => providerUnavailable("TimedOut", "It was not listed in time. It is tried again.");

/** What keeps anything from being written, passes by itself: the scope is looked at again. */
const PASSING: ReadonlySet<string> = new Set(["UNAVAILABLE", "TIMEOUT", "CONFLICT"]);

export function createRefresh({ db, log, instances }: RefreshDeps) {
  /** The ids of instances by provider and provider id, so that a record about one need not wait for the database. */
  const knownIds = new Map<string, bigint>();
  const remember = (provider: Provider, ids: ReadonlyMap<string, bigint>) => {
    for (const [providerId, id] of ids) knownIds.set(`${provider.name} ${providerId}`, id);
  };

  /** @returns a fault in the words of the provider, where it has any for people */
  function faultOf(error: unknown, scope: ProviderScope): ScopeFault {
    if (error instanceof AppError && error.code === "UNAVAILABLE") {
      return { code: String(error.extensions.providerCode ?? "Unavailable"), message: error.message };
    }
    log.error({ err: error, scope }, "a scope is not listed");
    return { code: "InternalFailure", message: "Postern cannot deal with what the provider answers. See its log." };
  }

  /** Writes all snapshots of these instances. Those of instances that Postern never saw belong to nothing here. */
  async function storeSnapshots(
    db: Db,
    owners: SnapshotOwners,
    listed: readonly ScopeSnapshot[],
    ids: ReadonlyMap<string, bigint>,
    lookedAt: string,
  ): Promise<void> {
    const described = listed.flatMap(({ providerId, snapshot }) => {
      const instanceId = providerId === null ? undefined : ids.get(providerId);
      return instanceId === undefined ? [] : [{ ...snapshot, instanceId }];
    });
    await upsertSnapshots(db, described, lookedAt);
    // One of a cluster whose members are all gone is there all the same.
    const found = listed.map(({ snapshot }) => snapshot);
    await markSnapshotsDeleted(db, owners, found, lookedAt);
    await updateLastBackups(db, owners);
  }

  async function refreshSnapshotsOf(provider: Provider, providerId: string, id: bigint): Promise<void> {
    const lookedAt = await findRefreshStart(db);
    const snapshots = await provider.listSnapshots(providerId);
    if (snapshots === null) return;
    const listed = snapshots.map((snapshot) => ({ providerId, snapshot }));
    await db.transaction((db) => storeSnapshots(db, { instanceId: id }, listed, new Map([[providerId, id]]), lookedAt));
  }

  /** As above. An instance is refreshed all the same where its snapshots cannot be listed, as the schedule does that again. */
  const tryRefreshSnapshotsOf = (provider: Provider, providerId: string, id: bigint) =>
    refreshSnapshotsOf(provider, providerId, id).catch((error) => {
      if (!(error instanceof AppError && error.code === "UNAVAILABLE")) throw error;
      log.warn({ err: error, providerId }, "the snapshots of an instance are not refreshed");
    });

  return {
    /** @returns the scopes that a provider has now; those that it had before are marked. One that is configured no more has none */
    scopesOf: (provider: Pick<Provider, "name" | "scopes">): Promise<RefreshedScope[]> =>
      db.transaction(async (db) => {
        await lockClassification(db);
        return upsertScopes(db, provider, SIMULATED_TAG);
      }),

    /** Asks a provider for everything in a scope, which may fail. Nothing is written yet. */
    async look(
      provider: Provider,
      { scope, row, snapshotsAgeSeconds }: RefreshedScope,
      timeoutMs: number,
    ): Promise<ScopeLook> {
      const { everySeconds, snapshotsEverySeconds } = provider.discovery;
      // The clocks of the schedule and of the database differ a little.
      const areDue =
        snapshotsEverySeconds <= everySeconds || (snapshotsAgeSeconds ?? Infinity) >= snapshotsEverySeconds - 10;
      const lookedAt = await findRefreshStart(db);
      const known = await listPresentProviderIds(db, row.id);
      const beganMs = performance.now();
      const ending = new AbortController();
      let calls = 0;
      const onCall = () => {
        calls += 1;
      };
      const listing = { onCall, signal: ending.signal };
      const inTime = <T>(work: Promise<T>): Promise<T> =>
        withTimeout(work, Math.max(1, timeoutMs - (performance.now() - beganMs)), timedOut);
      let descriptions: ScopeLook["descriptions"] = null;
      let undescribedIds: ScopeLook["undescribedIds"] = [];
      let whyUndescribed: ScopeFault | null = null;
      try {
        const onUndescribed = (ids: readonly string[], why: ScopeFault) => {
          undescribedIds = ids;
          whyUndescribed = why;
        };
        descriptions = await inTime(provider.list(scope, { ...listing, known, onUndescribed }));
        const snapshots = areDue ? await inTime(provider.listScopeSnapshots(scope, listing)) : null;
        return { lookedAt, descriptions, undescribedIds, snapshots, calls, fault: whyUndescribed };
      } catch (error) {
        const fault = faultOf(error, scope);
        const message = descriptions === null ? fault.message : `Its snapshots are not listed: ${fault.message}`;
        return { lookedAt, descriptions, undescribedIds, snapshots: null, calls, fault: { ...fault, message } };
      } finally {
        // What has failed or takes too long goes on with no page more.
        ending.abort();
      }
    },

    /**
     * Writes what a look has shown. Where it has failed, the instances of the scope stay as they were known, and the scope says why.
     * @param record writes the outcome down in the same transaction, and throws where the look is not wanted any more
     * @throws UNAVAILABLE, TIMEOUT, CONFLICT, and then nothing is written
     */
    async writeLook(
      provider: Provider,
      refreshed: RefreshedScope,
      look: ScopeLook,
      record: (db: Db, outcome: ScopeOutcome) => Promise<void>,
    ): Promise<void> {
      const { row, scope } = refreshed;
      const { lookedAt, calls } = look;
      const write = ({ descriptions, undescribedIds, snapshots, fault }: ScopeLook) =>
        db.transaction(async (db) => {
          const counts = { found: 0, new: 0, changed: 0, gone: 0 };
          let listedIds: ReadonlyMap<string, bigint> = new Map();
          if (descriptions) {
            const { ids, ...written } = await instances.writeListing(
              db,
              provider,
              refreshed,
              descriptions,
              undescribedIds,
              lookedAt,
            );
            Object.assign(counts, written);
            listedIds = ids;
            if (snapshots) {
              // Snapshots outlive their instances.
              const all = await listInstanceIds(db, row.id);
              const kept = undescribedIds.flatMap((providerId) => all.get(providerId) ?? []);
              await storeSnapshots(db, { scopeId: row.id, kept }, snapshots, all, lookedAt);
            }
          }
          const listed = descriptions ? counts.found : null;
          await updateScope(db, row, lookedAt, { listed, areSnapshotsListed: snapshots !== null, fault });
          await record(db, { ...counts, calls, error: fault });
          return listedIds;
        });
      try {
        remember(provider, await write(look));
      } catch (error) {
        if (error instanceof AppError && PASSING.has(error.code)) throw error;
        await write({ ...look, descriptions: null, snapshots: null, fault: faultOf(error, scope) });
      }
    },

    /** Refreshes the snapshots of all instances of a provider. @throws UNAVAILABLE */
    async refreshSnapshots(provider: Provider): Promise<void> {
      for (const { scope, row } of await this.scopesOf(provider)) {
        const lookedAt = await findRefreshStart(db);
        const listed = await provider.listScopeSnapshots(scope);
        const ids = await listInstanceIds(db, row.id);
        await db.transaction((db) => storeSnapshots(db, { scopeId: row.id, kept: [] }, listed, ids, lookedAt));
      }
    },

    /**
     * Refreshes one instance, and its siblings, because their environments count for it.
     * @returns it as it is now, or null where its provider has it no more
     */
    async refreshInstance(provider: Provider, providerId: string): Promise<StoredInstance | null> {
      const lookedAt = await findRefreshStart(db);
      const descriptions = await provider.describeWithSiblings(providerId);
      if (descriptions.length === 0) {
        const id = await findInstanceId(db, provider.name, providerId);
        if (id !== null) await tryRefreshSnapshotsOf(provider, providerId, id);
        return null;
      }
      const ids = await db.transaction((db) => instances.writeSome(db, provider, descriptions, lookedAt));
      remember(provider, ids);
      const id = ids.get(providerId) as bigint;
      await tryRefreshSnapshotsOf(provider, providerId, id);
      const stored = await findInstanceById(db, id);
      // A listing that began later has found it gone.
      return stored?.vanishedAt === null ? stored : null;
    },

    /** @returns the id of an instance by its provider id, or null @throws UNAVAILABLE where only the database knows it */
    idOf: async (provider: string, providerId: string): Promise<bigint | null> =>
      knownIds.get(`${provider} ${providerId}`) ?? findInstanceId(db, provider, providerId),

    /** Writes a provider's description of a snapshot, in the transaction of the caller. @returns its id */
    async storeSnapshot(db: Db, instanceId: bigint, snapshot: SnapshotDescription): Promise<bigint> {
      await upsertSnapshots(db, [{ ...snapshot, instanceId }], await findRefreshStart(db));
      await updateLastBackups(db, { instanceId });
      return findSnapshotId(db, snapshot);
    },
  };
}
