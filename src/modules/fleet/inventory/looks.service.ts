/** Looks at providers: what they say of instances, snapshots and findings is written down, unless a later look has said more. */

import type { AuditService } from "../../../audit/index.js";
import type { Db } from "../../../db/client.js";
import type { Log } from "../../../log.js";
import type { InstanceDescription, Provider, SnapshotDescription } from "../../../providers/provider.js";
import type { Classification } from "./classifier.js";
import { type Classify, type Facts, factsOf, reclassify } from "./facts.service.js";
import { updateFindings } from "./findings.store.js";
import {
  beginLook,
  findInstanceById,
  findInstanceId,
  listInstances,
  listMappings,
  listPresentSnapshots,
  listVanishedWithSnapshots,
  lockClassification,
  markSnapshotsDeleted,
  markVanished,
  noteLastBackup,
  type StoredInstance,
  upsertInstance,
  upsertSnapshot,
} from "./inventory.store.js";

export interface LooksDeps {
  readonly db: Db;
  readonly audit: AuditService;
  readonly log: Log;
  readonly classified: Classify;
}

export function createLooks({ db, audit, log, classified }: LooksDeps) {
  /** The ids of instances by their provider's: what is recorded of one must not wait for the database. */
  const idsSeen = new Map<string, bigint>();

  /** Facts, or rules, have made another environment of an instance, and nobody has asked for it. */
  function recordEnvironment(db: Db, before: StoredInstance, now: Facts, classification: Classification) {
    const { environment, decidedBy, dispute } = classification;
    return audit.recordFor(db, {
      actor: { type: "system", name: "inventory" },
      action: "instance.changeEnvironment",
      resourceId: String(before.id),
      parameters: { identifier: now.identifier, accountId: now.accountId, tags: now.tags },
      result: { from: before.environment, environment, decidedBy, dispute },
      success: true,
      durationSeconds: null,
      requestId: null,
    });
  }

  /** Writes what a look at a provider has found, with what follows from it. @returns the ids */
  async function store(db: Db, provider: Provider, found: readonly InstanceDescription[], lookedAt: string) {
    await lockClassification(db);
    const known = new Map((await listInstances(db, provider.name)).map((one) => [one.providerId, one]));
    const mappings = await listMappings(db);
    const ids: bigint[] = [];
    const told: { id: bigint; findings: InstanceDescription["findings"] }[] = [];
    for (const description of found) {
      const { providerId, findings } = description;
      const before = known.get(providerId);
      const classification = classified(description, before?.id, mappings);
      const written = await upsertInstance(db, provider.name, description, classification, lookedAt);
      const id = written ?? (before as StoredInstance).id;
      idsSeen.set(`${provider.name} ${providerId}`, id);
      ids.push(id);
      if (written === null) continue;
      told.push({ id, findings });
      if (before && before.environment !== classification.environment)
        await recordEnvironment(db, before, description, classification);
    }
    return { ids, told };
  }

  async function storeSnapshots(provider: Provider, id: bigint, providerId: string): Promise<void> {
    const lookedAt = await beginLook(db);
    // Before the look: what comes to be meanwhile is not taken for deleted.
    const before = await listPresentSnapshots(db, id);
    const found = await provider.listSnapshots(providerId);
    const isPresent = (one: { arn: string; uid: string }) =>
      found.some(({ arn, uid }) => arn === one.arn && uid === one.uid);
    await db.transaction(async (db) => {
      for (const snapshot of found) await upsertSnapshot(db, id, snapshot, lookedAt);
      const gone = before.filter((one) => !isPresent(one)).map(({ id }) => id);
      await markSnapshotsDeleted(db, gone, lookedAt);
      await noteLastBackup(db, id);
    });
  }

  return {
    /** Lists what a provider has, and marks what it has no more. @throws UNAVAILABLE; what is known stays then */
    async refresh(provider: Provider): Promise<void> {
      const lookedAt = await beginLook(db);
      const found = await provider.list();
      const present = found.map(({ providerId }) => providerId);
      const ids = await db.transaction(async (db) => {
        const { ids, told } = await store(db, provider, found, lookedAt);
        await markVanished(db, provider.name, present, lookedAt);
        // What is gone still says how its snapshots are protected.
        const changed = await reclassify(db, classified, await listVanishedWithSnapshots(db, provider.name));
        for (const { before, now } of changed) await recordEnvironment(db, before, factsOf(before), now);
        await updateFindings(db, told);
        return ids;
      });
      const listed = found.map((one, index) => ({ ...one, id: ids[index] as bigint }));
      const vanished = await listVanishedWithSnapshots(db, provider.name);
      for (const { id, providerId, identifier } of [...listed, ...vanished]) {
        await storeSnapshots(provider, id, providerId).catch((error) =>
          log.warn({ err: error, identifier }, "snapshots not listed"),
        );
      }
    },

    /** Looks at one instance again. @returns it as it is now, or null where its provider has it no more */
    async refreshInstance(provider: Provider, providerId: string): Promise<StoredInstance | null> {
      const lookedAt = await beginLook(db);
      const description = await provider.describe(providerId);
      if (!description) {
        const id = await findInstanceId(db, provider.name, providerId);
        if (id !== null) await storeSnapshots(provider, id, providerId);
        return null;
      }
      const id = await db.transaction(async (db) => {
        const { ids, told } = await store(db, provider, [description], lookedAt);
        await updateFindings(db, told);
        return ids[0] as bigint;
      });
      await storeSnapshots(provider, id, providerId);
      return findInstanceById(db, id);
    },

    /** @returns the id of an instance by its provider's, or null @throws UNAVAILABLE where only the database could tell */
    idOf: async (provider: string, providerId: string): Promise<bigint | null> =>
      idsSeen.get(`${provider} ${providerId}`) ?? findInstanceId(db, provider, providerId),

    /** Writes what a provider says of a snapshot, in the transaction of the caller. @returns its id */
    async storeSnapshot(db: Db, instanceId: bigint, snapshot: SnapshotDescription): Promise<bigint> {
      const id = await upsertSnapshot(db, instanceId, snapshot, await beginLook(db));
      await noteLastBackup(db, instanceId);
      return id;
    },
  };
}
