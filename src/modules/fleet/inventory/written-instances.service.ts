/** Writes what providers describe of instances, where it differs from what is known, and has them classified. */
import { isDeepStrictEqual } from "node:util";
import type { Db } from "../../../db/client.js";
import type { InstanceDescription, Provider } from "../../../providers/provider.js";
import { isOperableEnvironment } from "../../../values/environments.js";
import type { ClassificationService } from "./classification.service.js";
import {
  type ClassifiedInstance,
  listClassified,
  listClassifiedByIds,
  lockClassification,
} from "./classification.store.js";
import { updateFindings } from "./findings.store.js";
import { insertProductionCopies, listProductionRestores, updateSeenRestores } from "./production-copies.store.js";
import {
  type KnownInstance,
  listKnownInstances,
  markVanished,
  updateScopeOfInstances,
  upsertInstances,
  type WrittenInstance,
} from "./refresh.store.js";
import { findScopeId, type RefreshedScope } from "./scopes.store.js";

/** How many instances of a listing there are of each kind. */
export interface WrittenCounts {
  readonly found: number;
  readonly new: number;
  readonly changed: number;
  readonly gone: number;
}

/** As PostgreSQL gives it back: jsonb knows no undefined values. */
const asStored = (value: unknown): unknown =>
  typeof value === "object" && value !== null ? JSON.parse(JSON.stringify(value)) : value;

const differs = (written: WrittenInstance, known: KnownInstance): boolean =>
  Object.entries(written).some(
    ([name, value]) => name !== "lastSeenAt" && !isDeepStrictEqual(asStored(value), known[name as keyof KnownInstance]),
  );

function written(
  provider: string,
  { storageGiB, findings: _, ...description }: InstanceDescription,
  scopeId: bigint | null,
  lookedAt: string,
): WrittenInstance {
  return {
    provider,
    ...description,
    storageGib: storageGiB,
    scopeId,
    lastSeenAt: lookedAt,
    vanishedAt: null,
    scopeRemoved: false,
  };
}

export type WrittenInstances = ReturnType<typeof createWrittenInstances>;

/**
 * Notes which of these instances are made by restores of production that are under way, or have failed. A name is not enough: others may
 * have given it. @returns the ids at the provider of those for which that was not noted before
 */
async function noteProductionCopies(db: Db, provider: Provider, described: readonly InstanceDescription[]) {
  const made = new Map<string, string>();
  for (const restore of await listProductionRestores(db, provider.name)) {
    for (const instance of described) {
      const isOfScope = instance.accountId === restore.accountId && instance.region === restore.region;
      if (isOfScope && (await provider.isRestoredBy(instance, restore)))
        made.set(instance.providerId, restore.operationId);
    }
  }
  if (made.size === 0) return [];
  await updateSeenRestores(db, [...made.values()]);
  return insertProductionCopies(db, provider.name, [...made.keys()]);
}

export function createWrittenInstances(classification: ClassificationService) {
  /** Has instances classified, and what was restored from them. */
  async function classify(
    db: Db,
    provider: Provider,
    descriptions: readonly InstanceDescription[],
    list: () => Promise<readonly ClassifiedInstance[]>,
    { ids, newcomers }: { readonly ids: ReadonlyMap<string, bigint>; readonly newcomers: ReadonlySet<bigint> },
  ): Promise<void> {
    await noteProductionCopies(db, provider, descriptions);
    const changed = await classification.reclassify(db, await list(), { newcomers });
    if (changed.every(({ after }) => isOperableEnvironment(after.environment))) return;
    // They may have been restored from what has become production only now.
    const copies = await noteProductionCopies(db, provider, descriptions);
    const copyIds = copies.flatMap((providerId) => ids.get(providerId) ?? []);
    if (copyIds.length > 0) await classification.reclassify(db, await listClassifiedByIds(db, copyIds), { newcomers });
  }

  /** Writes descriptions that no later look has overtaken. @returns what was known before, and the ids of all that are known now */
  async function write(
    db: Db,
    provider: Provider,
    scopeId: bigint | null,
    descriptions: readonly InstanceDescription[],
    lookedAt: string,
    /** Whether a description without a change is written too, to say when it was looked at. */
    always: boolean,
  ) {
    await lockClassification(db);
    const listed = new Map(descriptions.map((description) => [description.providerId, description]));
    const known = await listKnownInstances(db, provider.name, always ? null : scopeId, [...listed.keys()], lookedAt);
    const knownBefore = new Map(known.map((instance) => [instance.providerId, instance]));
    const fresh = [...listed.values()].filter(({ providerId }) => !knownBefore.get(providerId)?.isNewer);
    const changes = fresh.flatMap((description) => {
      const before = knownBefore.get(description.providerId);
      const row = written(provider.name, description, scopeId ?? before?.scopeId ?? null, lookedAt);
      return always || !before || differs(row, before) ? [row] : [];
    });
    const ids = await upsertInstances(db, changes);
    const newcomers = new Set([...ids].filter(([providerId]) => !knownBefore.has(providerId)).map(([, id]) => id));
    for (const { id, providerId } of known) ids.set(providerId, id);
    const reported = fresh.map(({ providerId, findings }) => ({ id: ids.get(providerId) as bigint, findings }));
    return { listed, known, ids, reported, newcomers, changed: changes.length - newcomers.size };
  }

  return {
    /**
     * Writes a whole listing of a scope, and marks what it does not name as gone.
     * @param keptIds the provider's ids of those that stay as they were known @returns the counts, and the ids of what is known of it
     * by provider id
     */
    async writeListing(
      db: Db,
      provider: Provider,
      { scope, row }: RefreshedScope,
      descriptions: readonly InstanceDescription[],
      keptIds: readonly string[],
      lookedAt: string,
    ): Promise<WrittenCounts & { readonly ids: ReadonlyMap<string, bigint> }> {
      const { listed, known, ids, reported, newcomers, changed } = await write(
        db,
        provider,
        row.id,
        descriptions,
        lookedAt,
        false,
      );
      const isOfScope = ({ scopeId, accountId, region }: KnownInstance) =>
        scopeId === row.id ||
        // Before scopes were known, none was written.
        (scopeId === null &&
          (provider.scopes.length === 1 || (accountId === scope.accountId && region === scope.region)));
      const unlisted = known.filter((instance) => !listed.has(instance.providerId) && isOfScope(instance));
      const kept = new Set(keptIds);
      const missing = unlisted.filter(({ providerId }) => !kept.has(providerId));
      const adopted = unlisted.filter(({ scopeId }) => scopeId === null);
      await updateScopeOfInstances(
        db,
        adopted.map(({ id }) => id),
        row.id,
      );
      const gone = missing.filter(({ vanishedAt, isNewer }) => vanishedAt === null && !isNewer);
      await markVanished(
        db,
        gone.map(({ id }) => id),
        lookedAt,
        row.lastSuccessAt,
      );
      // The environment of a vanished instance still protects its snapshots.
      await classify(db, provider, descriptions, () => listClassified(db, row.id), { ids, newcomers });
      await updateFindings(db, "provider", reported);
      const found = listed.size + unlisted.length - missing.length;
      return { ids, found, new: newcomers.size, changed, gone: gone.length };
    },

    /** Writes instances of one scope that were looked at alone. @returns their ids by provider id */
    async writeSome(
      db: Db,
      provider: Provider,
      descriptions: readonly InstanceDescription[],
      lookedAt: string,
    ): Promise<ReadonlyMap<string, bigint>> {
      const [only, ...others] = provider.scopes;
      const scopeId = await findScopeId(db, provider.name, only && others.length === 0 ? only : descriptions[0]!);
      const { ids, reported, newcomers } = await write(db, provider, scopeId, descriptions, lookedAt, true);
      const written = () => listClassifiedByIds(db, [...ids.values()]);
      await classify(db, provider, descriptions, written, { ids, newcomers });
      await updateFindings(db, "provider", reported);
      return ids;
    },
  };
}
