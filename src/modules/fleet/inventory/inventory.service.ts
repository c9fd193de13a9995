/** The service of the inventory: it finds and refreshes instances, and says which tags a copy gets. */
import type { Db } from "../../../db/client.js";
import { ambiguousIdentifier, notFound } from "../../../errors.js";
import type { Log } from "../../../log.js";
import type { Provider, ProviderSnapshotName, Tag } from "../../../providers/provider.js";
import type { Environment } from "../../../values/environments.js";
import { isId } from "../../../values/id.js";
import { MAX_INPUT_IDENTIFIER } from "../../../values/identifiers.js";
import type { TagChange } from "../../../values/tags.js";
import { type ClassificationService, classificationFactsOf } from "./classification.service.js";
import { listClassifiedByIds, lockClassification } from "./classification.store.js";
import { tagsOfCopy } from "./copies.js";
import { classifyByGrounds } from "./environment-grounds.js";
import { listLoosenedByTags } from "./environment-preview.service.js";
import { openFinding, resolveFinding } from "./findings.store.js";
import {
  findInstanceById,
  findInstanceId,
  listInstancesByIds,
  listNamedInstances,
  listStoredInstances,
  type StoredInstance,
} from "./inventory.store.js";
import { insertProductionCopies, isRestoreOfProduction } from "./production-copies.store.js";
import { createRefresh } from "./refresh.service.js";
import { markSnapshotDeleted, updateLastBackups } from "./snapshots.store.js";
import { createWrittenInstances } from "./written-instances.service.js";

export interface InventoryDeps {
  readonly db: Db;
  readonly log: Log;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly classification: ClassificationService;
}

/** What a snapshot says of the protection of its copies. */
interface CopiedSnapshot {
  readonly tags: readonly Tag[];
  readonly environment: Environment | null;
}

/** What distinguishes instances of one identifier, as the reads say it. */
const candidateOf = ({ id, identifier, arn, accountId, region }: StoredInstance) => ({
  id: String(id),
  identifier,
  arn,
  accountId,
  region,
});

export type InventoryService = ReturnType<typeof createInventoryService>;

export function createInventoryService({ db, log, providers, classification }: InventoryDeps) {
  const refresh = createRefresh({ db, log, instances: createWrittenInstances(classification) });

  /** @returns the instance by id, ARN or identifier, or null where there is none @throws BAD_USER_INPUT where there are several */
  async function find(db: Db, name: string, lock = false): Promise<StoredInstance | null> {
    if (name.length > MAX_INPUT_IDENTIFIER) return null;
    if (isId(name)) return findInstanceById(db, BigInt(name), lock);
    const [instance, ...others] = await listNamedInstances(db, name, lock);
    if (others.length > 0) throw ambiguousIdentifier("instanceId", [instance!, ...others].map(candidateOf));
    return instance ?? null;
  }

  return {
    ...refresh,

    /** @returns the instances of a provider, vanished ones too */
    list: (provider: Provider): Promise<StoredInstance[]> => listStoredInstances(db, provider.name),

    listByIds: listInstancesByIds,

    /** @returns the environment of an instance by id, ARN or identifier, or null where there is none @throws BAD_USER_INPUT as `require` */
    environmentOf: async (name: string): Promise<string | null> => (await find(db, name))?.environment ?? null,

    /**
     * @param snapshot its tags, and what its source counted as when it was taken
     * @returns the tags of a copy under another identifier @throws FAILED_PRECONDITION where it would be less protected
     */
    async requireCopyTags(db: Db, source: StoredInstance, identifier: string, snapshot: CopiedSnapshot) {
      const grounds = await classification.findGrounds(db);
      const facts = classificationFactsOf(source);
      const now = [source.environment, classifyByGrounds(facts, source.id, grounds).environment];
      const floors = [...now, ...(snapshot.environment ? [snapshot.environment] : [])];
      const copy = { ...facts, cluster: null, identifier };
      return tagsOfCopy(copy, snapshot.tags, floors, grounds.rules, (facts) =>
        classifyByGrounds(facts, undefined, grounds),
      );
    },

    /** Lets nobody else change what environments are decided by until the transaction ends. Whoever calls it holds no lock of a row. */
    lockEnvironments: lockClassification,

    /**
     * @returns what a change of its tags would loosen of each instance, as sentences that are the same whenever the same is loosened. It is
     * judged as if no other changed
     */
    loosenedByTags: (db: Db, instanceIds: readonly bigint[], change: TagChange) =>
      listLoosenedByTags(db, classification, instanceIds, change),

    isRestoreOfProduction,

    /**
     * Notes that a restore has made an instance of a snapshot of production, in the transaction of the caller, which holds the lock of
     * environments. It counts at once, or from when the instance is seen first.
     */
    async storeProductionCopy(db: Db, provider: string, providerId: string): Promise<void> {
      await insertProductionCopies(db, provider, [providerId]);
      const id = await findInstanceId(db, provider, providerId);
      if (id !== null) await classification.reclassify(db, await listClassifiedByIds(db, [id]));
    },

    /** Writes that an operation has deleted a snapshot, in the transaction of the caller. */
    async storeSnapshotDeletion(db: Db, instanceId: bigint, snapshot: ProviderSnapshotName): Promise<void> {
      await markSnapshotDeleted(db, instanceId, snapshot);
      await updateLastBackups(db, { instanceId });
    },

    openFinding,
    resolveFinding,

    /** @returns the instance by id, ARN or unique identifier @throws NOT_FOUND, and BAD_USER_INPUT where several have the identifier */
    async require(db: Db, name: string, lock = false): Promise<StoredInstance> {
      const instance = await find(db, name, lock);
      if (!instance) throw notFound("instance");
      return instance;
    },

    providerOf(instance: Pick<StoredInstance, "provider">): Provider | undefined {
      return providers.get(instance.provider);
    },
  };
}
