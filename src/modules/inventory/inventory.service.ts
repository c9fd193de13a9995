/** The inventory: what providers list, classified and kept; and what administrators say of environments. */
import { z } from "zod";
import { describeActor } from "../../auth/actor.js";
import type { Call } from "../../auth/call.js";
import type { Db } from "../../db/client.js";
import { badUserInput, conflict, notFound } from "../../errors.js";
import type { Log } from "../../log.js";
import { Environment } from "../../model/index.js";
import { inTime } from "../../providers/in-time.js";
import type { InstanceDescription, Provider, SnapshotDescription, Tag } from "../../providers/provider.js";
import { checked, nullable, text } from "../../wire/checked.js";
import { isId } from "../../wire/id.js";
import type { AuditService } from "../audit/index.js";
import type { Classification } from "./classifier.js";
import { tagsOfCopy } from "./copies.js";
import type { EnvironmentRules } from "./environment-rules.js";
import { classifierBy, disputeOf, type Facts, factsOf } from "./facts.service.js";
import { openFinding, resolveFinding, updateFindings } from "./findings.store.js";
import {
  findInstanceById,
  findInstanceByIdentifier,
  findInstanceId,
  insertMapping,
  listInstances,
  listMappings,
  listPresentSnapshots,
  listVanishedWithSnapshots,
  lockClassification,
  markSnapshotsDeleted,
  markVanished,
  noteLastBackup,
  type StoredInstance,
  updateClassification,
  upsertInstance,
  upsertSnapshot,
} from "./inventory.store.js";

const MAX_IDENTIFIER = 255;

const MappingInput = z.object({
  instanceId: nullable(text(MAX_IDENTIFIER)),
  accountId: nullable(text(64)),
  environment: z.enum(Environment).nullish(),
  reason: text(1000).regex(/\S/, "Say why."),
  settles: nullable(text(40_000)),
});

export interface InventoryDeps {
  readonly db: Db;
  readonly audit: AuditService;
  readonly log: Log;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly rules: EnvironmentRules;
}

export type InventoryService = ReturnType<typeof createInventoryService>;

const told = (ids: readonly bigint[], found: readonly InstanceDescription[]) =>
  found.map(({ findings }, index) => ({ id: ids[index] as bigint, findings }));

export function createInventoryService({ db, audit, log, providers, rules }: InventoryDeps) {
  const classified = classifierBy(rules);

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

  /** Writes what a provider says of some instances, with what follows from it. @returns their ids */
  async function store(db: Db, provider: Provider, found: readonly InstanceDescription[]): Promise<bigint[]> {
    await lockClassification(db);
    const known = new Map((await listInstances(db, provider.name)).map((one) => [one.providerId, one]));
    const mappings = await listMappings(db);
    const ids: bigint[] = [];
    for (const description of found) {
      const before = known.get(description.providerId);
      const classification = classified(description, before?.id, mappings);
      const id = await upsertInstance(db, provider.name, description, classification);
      idsSeen.set(`${provider.name} ${description.providerId}`, id);
      ids.push(id);
      if (before && before.environment !== classification.environment)
        await recordEnvironment(db, before, description, classification);
    }
    return ids;
  }

  /** Classifies by the rules and the mappings of now. */
  async function reclassify(db: Db, instances: readonly StoredInstance[]): Promise<void> {
    const mappings = await listMappings(db);
    for (const each of instances) await updateClassification(db, each.id, classified(factsOf(each), each.id, mappings));
  }

  async function storeSnapshots(provider: Provider, id: bigint, providerId: string): Promise<void> {
    // Before the look: what comes to be meanwhile is not taken for deleted.
    const before = await listPresentSnapshots(db, id);
    const found = await inTime(provider.listSnapshots(providerId));
    const isPresent = (one: { arn: string; uid: string }) =>
      found.some(({ arn, uid }) => arn === one.arn && uid === one.uid);
    await db.transaction(async (db) => {
      for (const snapshot of found) await upsertSnapshot(db, id, snapshot);
      const gone = before.filter((one) => !isPresent(one)).map(({ id }) => id);
      await markSnapshotsDeleted(db, gone);
      await noteLastBackup(db, id);
    });
  }

  async function find(db: Db, idOrIdentifier: string, lock = false): Promise<StoredInstance | null> {
    if (idOrIdentifier.length > MAX_IDENTIFIER) return null;
    return isId(idOrIdentifier)
      ? findInstanceById(db, BigInt(idOrIdentifier), lock)
      : findInstanceByIdentifier(db, idOrIdentifier, lock);
  }

  return {
    /** Lists what a provider has, and marks what it has no more. @throws UNAVAILABLE; what is known stays then */
    async refresh(provider: Provider): Promise<void> {
      const found = await inTime(provider.list());
      const ids = await db.transaction(async (db) => {
        const stored = await store(db, provider, found);
        const present = found.map(({ providerId }) => providerId);
        await markVanished(db, provider.name, present);
        // What is gone still says how its snapshots are protected.
        await reclassify(db, await listVanishedWithSnapshots(db, provider.name));
        await updateFindings(db, told(stored, found));
        return stored;
      });
      const present = found.map((one, index) => ({ ...one, id: ids[index] as bigint }));
      const vanished = await listVanishedWithSnapshots(db, provider.name);
      for (const { id, providerId, identifier } of [...present, ...vanished]) {
        await storeSnapshots(provider, id, providerId).catch((error) =>
          log.warn({ err: error, identifier }, "snapshots not listed"),
        );
      }
    },

    /** Looks at one instance again. @returns it as it is now, or null where its provider has it no more */
    async refreshInstance(provider: Provider, providerId: string): Promise<StoredInstance | null> {
      const description = await inTime(provider.describe(providerId));
      if (!description) {
        const id = await findInstanceId(db, provider.name, providerId);
        if (id !== null) await storeSnapshots(provider, id, providerId);
        return null;
      }
      const [id] = await db.transaction(async (db) => {
        const stored = await store(db, provider, [description]);
        await updateFindings(db, told(stored, [description]));
        return stored;
      });
      await storeSnapshots(provider, id as bigint, providerId);
      return findInstanceById(db, id as bigint);
    },

    /** @returns the instances of a provider, vanished ones too */
    list: (provider: Provider): Promise<StoredInstance[]> => listInstances(db, provider.name),

    /** The environment of an instance by id or identifier, or null where there is none. */
    environmentOf: async (idOrIdentifier: string): Promise<string | null> =>
      (await find(db, idOrIdentifier))?.environment ?? null,

    /** @returns the id of an instance by its provider's, or null @throws UNAVAILABLE where only the database could tell */
    idOf: async (provider: string, providerId: string): Promise<bigint | null> =>
      idsSeen.get(`${provider} ${providerId}`) ?? findInstanceId(db, provider, providerId),

    /** @returns the tags of a copy under another identifier @throws FAILED_PRECONDITION where it would be less protected */
    async requireCopy(db: Db, source: StoredInstance, identifier: string, snapshotTags: readonly Tag[]) {
      const mappings = await listMappings(db);
      const floors = [source.environment, classified(factsOf(source), source.id, mappings).environment];
      const copy = { ...factsOf(source), identifier };
      return tagsOfCopy(copy, snapshotTags, floors, rules, (facts) => classified(facts, undefined, mappings));
    },

    /** Writes what a provider says of a snapshot, in the transaction of the caller. @returns its id */
    async storeSnapshot(db: Db, instanceId: bigint, snapshot: SnapshotDescription): Promise<bigint> {
      const id = await upsertSnapshot(db, instanceId, snapshot);
      await noteLastBackup(db, instanceId);
      return id;
    },

    /** For what Postern itself finds. */
    openFinding,
    resolveFinding,

    /** @returns the instance by id or unique identifier @throws NOT_FOUND */
    async require(db: Db, idOrIdentifier: string, lock = false): Promise<StoredInstance> {
      const instance = await find(db, idOrIdentifier, lock);
      if (!instance) throw notFound("instance");
      return instance;
    },

    providerOf(instance: Pick<StoredInstance, "provider">): Provider | undefined {
      return providers.get(instance.provider);
    },

    /**
     * Says the environment of an instance or an account, or with no environment takes that back.
     * @returns the id of the instance, or null where an account was mapped
     * @throws BAD_USER_INPUT, NOT_FOUND
     */
    async setMapping(call: Call, input: unknown): Promise<string | null> {
      const { instanceId, accountId, environment, reason, settles } = checked(MappingInput, input);
      if (Boolean(instanceId) === Boolean(accountId))
        throw badUserInput("instanceId", "Give instanceId or accountId, one of them.");
      if (settles && (accountId || !environment)) {
        throw badUserInput("settles", "Only the environment of an instance settles a dispute.");
      }
      return db.transaction(async (db) => {
        await lockClassification(db);
        const instance = instanceId ? await this.require(db, instanceId, true) : null;
        if (settles && instance && settles !== disputeOf(instance)) {
          throw conflict("The dispute is another one now. Read the instance's environment again, and name that one.");
        }
        await insertMapping(db, {
          instanceId: instance?.id ?? null,
          accountId: accountId ?? null,
          environment: environment ?? null,
          reason,
          settles: settles ?? null,
          createdBy: describeActor(call.actor),
        });
        const affected = instance
          ? [instance]
          : await Promise.all([...providers.keys()].map((name) => listInstances(db, name)));
        await reclassify(
          db,
          affected.flat().filter((each) => instance || each.accountId === accountId),
        );
        const resourceId = instance ? String(instance.id) : (accountId as string);
        await audit.record(db, call, {
          resourceId,
          result: { environment: environment ?? null, settles: settles ?? null },
        });
        return instance ? String(instance.id) : null;
      });
    },
  };
}
