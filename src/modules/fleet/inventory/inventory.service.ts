/** The service of the inventory: it finds and refreshes instances, and sets their environments. */
import type { Call } from "../../../audit/call.js";
import type { AuditService } from "../../../audit/index.js";
import { describeActor } from "../../../auth/actor.js";
import type { Db } from "../../../db/client.js";
import { badUserInput, conflict, notFound } from "../../../errors.js";
import type { Log } from "../../../log.js";
import type { Provider, Tag } from "../../../providers/provider.js";
import { isId } from "../../../values/id.js";
import {
  classificationDisputeOf,
  classificationFactsOf,
  createClassification,
  reclassify,
} from "./classification.service.js";
import { tagsOfCopy } from "./copies.js";
import type { EnvironmentRules } from "./environment-rules.js";
import { openFinding, resolveFinding } from "./findings.store.js";
import { type EnvironmentMapping, MAX_INPUT_IDENTIFIER } from "./inventory.inputs.js";
import {
  findInstanceById,
  findInstanceByIdentifier,
  insertMapping,
  listMappings,
  listStoredInstances,
  lockClassification,
  type StoredInstance,
} from "./inventory.store.js";
import { createRefresh } from "./refresh.service.js";

export interface InventoryDeps {
  readonly db: Db;
  readonly audit: AuditService;
  readonly log: Log;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly rules: EnvironmentRules;
}

export type InventoryService = ReturnType<typeof createInventoryService>;

export function createInventoryService({ db, audit, log, providers, rules }: InventoryDeps) {
  const classifyFacts = createClassification(rules);
  const refresh = createRefresh({ db, audit, log, classifyFacts });

  async function find(db: Db, idOrIdentifier: string, lock = false): Promise<StoredInstance | null> {
    if (idOrIdentifier.length > MAX_INPUT_IDENTIFIER) return null;
    return isId(idOrIdentifier)
      ? findInstanceById(db, BigInt(idOrIdentifier), lock)
      : findInstanceByIdentifier(db, idOrIdentifier, lock);
  }

  return {
    ...refresh,

    /** @returns the instances of a provider, vanished ones too */
    list: (provider: Provider): Promise<StoredInstance[]> => listStoredInstances(db, provider.name),

    /** @returns the environment of an instance by id or identifier, or null where there is no such instance */
    environmentOf: async (idOrIdentifier: string): Promise<string | null> =>
      (await find(db, idOrIdentifier))?.environment ?? null,

    /** @returns the tags of a copy under another identifier @throws FAILED_PRECONDITION where it would be less protected */
    async requireCopyTags(db: Db, source: StoredInstance, identifier: string, snapshotTags: readonly Tag[]) {
      const mappings = await listMappings(db);
      const floors = [
        source.environment,
        classifyFacts(classificationFactsOf(source), source.id, mappings).environment,
      ];
      const copy = { ...classificationFactsOf(source), identifier };
      return tagsOfCopy(copy, snapshotTags, floors, rules, (facts) => classifyFacts(facts, undefined, mappings));
    },

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
     * Sets the environment of an instance or an account, or takes it back where none is given.
     * @returns the id of the instance, or null where an account was mapped
     * @throws BAD_USER_INPUT, NOT_FOUND
     */
    async setMapping(call: Call, input: EnvironmentMapping): Promise<string | null> {
      const { instanceId, accountId, environment, reason, settles } = input;
      if (Boolean(instanceId) === Boolean(accountId))
        throw badUserInput("instanceId", "Give instanceId or accountId, one of them.");
      if (settles && (accountId || !environment)) {
        throw badUserInput("settles", "Only the environment of an instance settles a dispute.");
      }
      return db.transaction(async (db) => {
        await lockClassification(db);
        const instance = instanceId ? await this.require(db, instanceId, true) : null;
        if (settles && instance && settles !== classificationDisputeOf(instance)) {
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
          : await Promise.all([...providers.keys()].map((name) => listStoredInstances(db, name)));
        await reclassify(
          db,
          classifyFacts,
          affected.flat().filter((candidate) => instance || candidate.accountId === accountId),
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
