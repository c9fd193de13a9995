/** Refreshes the inventory: it asks providers for instances, snapshots and findings, and writes them unless a later refresh has. */

import type { Db } from "../../../db/client.js";
import type { Log } from "../../../log.js";
import type { InstanceDescription, Provider, SnapshotDescription } from "../../../providers/provider.js";
import type { ClassificationService } from "./classification.service.js";
import { listClassified, listClassifiedByIds, lockClassification } from "./classification.store.js";
import { updateFindings } from "./findings.store.js";
import {
  findInstanceById,
  findInstanceId,
  findRefreshStart,
  listPresentSnapshots,
  listStoredInstances,
  listVanishedWithSnapshots,
  markSnapshotsDeleted,
  markVanished,
  type StoredInstance,
  updateStoredLastBackup,
  upsertSnapshot,
  upsertStoredInstance,
} from "./inventory.store.js";

interface RefreshDeps {
  readonly db: Db;
  readonly log: Log;
  readonly classification: ClassificationService;
}

export function createRefresh({ db, log, classification }: RefreshDeps) {
  /** The ids of instances by provider and provider id, so that a record about one need not wait for the database. */
  const knownIds = new Map<string, bigint>();

  /** Writes the instances that a provider describes. @returns their ids, those of new ones, and the findings of those that were written */
  async function store(db: Db, provider: Provider, descriptions: readonly InstanceDescription[], lookedAt: string) {
    await lockClassification(db);
    const stored = new Map(
      (await listStoredInstances(db, provider.name)).map((instance) => [instance.providerId, instance]),
    );
    const ids: bigint[] = [];
    const newcomers = new Set<bigint>();
    const reported: { id: bigint; findings: InstanceDescription["findings"] }[] = [];
    for (const description of descriptions) {
      const { providerId, findings } = description;
      const before = stored.get(providerId);
      const writtenId = await upsertStoredInstance(db, provider.name, description, lookedAt);
      const id = writtenId ?? (before as StoredInstance).id;
      knownIds.set(`${provider.name} ${providerId}`, id);
      ids.push(id);
      if (writtenId === null) continue;
      reported.push({ id, findings });
      if (!before) newcomers.add(id);
    }
    return { ids, newcomers, reported };
  }

  async function storeSnapshots(provider: Provider, id: bigint, providerId: string): Promise<void> {
    const lookedAt = await findRefreshStart(db);
    // Listed before the provider answers, so that a snapshot that is taken meanwhile does not count as deleted.
    const stored = await listPresentSnapshots(db, id);
    const described = await provider.listSnapshots(providerId);
    const isPresent = (snapshot: { arn: string; uid: string }) =>
      described.some(({ arn, uid }) => arn === snapshot.arn && uid === snapshot.uid);
    await db.transaction(async (db) => {
      for (const snapshot of described) await upsertSnapshot(db, id, snapshot, lookedAt);
      const deleted = stored.filter((snapshot) => !isPresent(snapshot)).map(({ id }) => id);
      await markSnapshotsDeleted(db, deleted, lookedAt);
      await updateStoredLastBackup(db, id);
    });
  }

  return {
    /** Refreshes all instances of a provider, and marks those that have vanished. @throws UNAVAILABLE, and then nothing changes */
    async refresh(provider: Provider): Promise<void> {
      const lookedAt = await findRefreshStart(db);
      const descriptions = (await Promise.all(provider.scopes.map((scope) => provider.list(scope)))).flat();
      const present = descriptions.map(({ providerId }) => providerId);
      const ids = await db.transaction(async (db) => {
        const { ids, newcomers, reported } = await store(db, provider, descriptions, lookedAt);
        await markVanished(db, provider.name, present, lookedAt);
        // The environment of a vanished instance still protects its snapshots.
        await classification.reclassify(db, await listClassified(db, provider.name), { newcomers });
        await updateFindings(db, "provider", reported);
        return ids;
      });
      const listed = descriptions.map((description, index) => ({ ...description, id: ids[index] as bigint }));
      const vanished = await listVanishedWithSnapshots(db, provider.name);
      for (const { id, providerId, identifier } of [...listed, ...vanished]) {
        await storeSnapshots(provider, id, providerId).catch((error) =>
          log.warn({ err: error, identifier }, "snapshots not listed"),
        );
      }
    },

    /** Refreshes one instance. @returns it as it is now, or null where its provider has it no more */
    async refreshInstance(provider: Provider, providerId: string): Promise<StoredInstance | null> {
      const lookedAt = await findRefreshStart(db);
      const description = await provider.describe(providerId);
      if (!description) {
        const id = await findInstanceId(db, provider.name, providerId);
        if (id !== null) await storeSnapshots(provider, id, providerId);
        return null;
      }
      const id = await db.transaction(async (db) => {
        const { ids, newcomers, reported } = await store(db, provider, [description], lookedAt);
        await classification.reclassify(db, await listClassifiedByIds(db, ids), { newcomers });
        await updateFindings(db, "provider", reported);
        return ids[0] as bigint;
      });
      await storeSnapshots(provider, id, providerId);
      return findInstanceById(db, id);
    },

    /** @returns the id of an instance by its provider id, or null @throws UNAVAILABLE where only the database knows it */
    idOf: async (provider: string, providerId: string): Promise<bigint | null> =>
      knownIds.get(`${provider} ${providerId}`) ?? findInstanceId(db, provider, providerId),

    /** Writes a provider's description of a snapshot, in the transaction of the caller. @returns its id */
    async storeSnapshot(db: Db, instanceId: bigint, snapshot: SnapshotDescription): Promise<bigint> {
      const id = await upsertSnapshot(db, instanceId, snapshot, await findRefreshStart(db));
      await updateStoredLastBackup(db, instanceId);
      return id;
    },
  };
}
