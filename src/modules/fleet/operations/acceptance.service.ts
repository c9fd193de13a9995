/** Accepts operations, whoever requests them: says what one would be refused with, and queues it in the caller's transaction. */
import { randomBytes } from "node:crypto";
import type { Db } from "../../../db/client.js";
import { AppError, conflict, failedPrecondition, forbidden } from "../../../errors.js";
import type { ProviderCluster } from "../../../providers/provider.js";
import type {
  InstanceFacts,
  OperationDeclaration,
  PreparationContext,
} from "../../../values/operations/declaration.js";
import type { OperationType } from "../../../values/operations/declarations.js";
import { assessOperability } from "../../../values/operations/operability.js";
import { type OperationPlan, planOf } from "../../../values/operations/operation-plan.js";
import type { TagChange } from "../../../values/tags.js";
import type { InventoryService, StoredInstance } from "../inventory/index.js";
import { faultOfLoosening } from "./agreed-tags.js";
import {
  findNamedSnapshot,
  isInstanceIdentifierTaken,
  isSnapshotIdentifierTaken,
  lockOperationIdentifiers,
} from "./identifiers.store.js";
import { countWaitingOperations, findRepetition, insertOperation, type WaitingOperations } from "./operations.store.js";
import { hasRunAt, type RunAtInput, requireRunAt } from "./run-at.js";
import { findScheduledNow } from "./scheduled-operations.store.js";

/** Operations that may wait for one instance. */
const MAX_QUEUED = 20;
/** Operations that may wait for their time on one instance. */
const MAX_SCHEDULED = 100;

/** A type of operation, and what is asked of it. */
export interface AskedOperation {
  readonly declaration: OperationDeclaration<OperationType>;
  /** As the type's input has checked it. */
  readonly input: RunAtInput;
  /** What two administrators have agreed that tags loosen; nothing unless given. */
  readonly agreed?: readonly string[];
  /** Says what tags would loosen of each instance, where that is known of many at once. */
  readonly loosenedBy?: (change: TagChange) => Promise<ReadonlyMap<bigint, readonly string[]>>;
}

/** An operation as it would be stored. */
export interface PreparedOperation {
  /** When it begins; null where it begins at once. */
  readonly runAt: string | null;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly plan: OperationPlan;
}

/** Whether the identifiers that it takes are its own until the end of the transaction, only looked at, or taken for free. */
type Identifiers = "claim" | "look" | "assume";

/** Where an operation comes from. */
interface OperationOrigin {
  /** The id that was drawn for it. */
  readonly id?: string | undefined;
  readonly requestedBy: unknown;
  readonly requestId: string | null;
  /** The bulk operation that it is a part of. */
  readonly bulkOperationId?: bigint | undefined;
  /** The operation that it repeats. */
  readonly retryOf?: bigint | undefined;
  /** The proposal on which two administrators have agreed. */
  readonly proposalId?: bigint;
}

export interface AcceptanceDeps {
  readonly inventory: InventoryService;
  readonly clock: { now(): Date };
  /** Sends the job that wakes a worker for an instance. `db` is the transaction that queues the operation. */
  readonly enqueue: (db: Db, instance: StoredInstance) => Promise<void>;
}

export type Acceptance = ReturnType<typeof createAcceptance>;

const factsOf = (instance: StoredInstance) => instance as unknown as InstanceFacts;

/** @returns the fields of an input that its type alone has, as they are kept in order to ask for the same again */
const ownInputOf = ({ declaration, input }: AskedOperation): Record<string, unknown> =>
  Object.fromEntries(Object.entries(input).filter(([name]) => name in declaration.mutation.input.fields));

export function createAcceptance({ inventory, clock, enqueue }: AcceptanceDeps) {
  const lockIdentifiers = async (db: Db, identifiers: Identifiers) =>
    void (identifiers === "claim" && (await lockOperationIdentifiers(db)));

  /** What parameters are made of. @param db for a claim the transaction that has locked the instance */
  const preparationOf = (
    db: Db,
    instance: StoredInstance,
    identifiers: Identifiers,
    now = clock.now(),
    { agreed = [], loosenedBy }: Pick<AskedOperation, "agreed" | "loosenedBy"> = {},
  ): PreparationContext => ({
    now,
    digits: randomBytes(3).toString("hex"),
    async claimSnapshotIdentifier(identifier) {
      if (identifiers === "assume") return;
      await lockIdentifiers(db, identifiers);
      if (!(await isSnapshotIdentifierTaken(db, identifier, instance))) return;
      const message = `A snapshot with the identifier ${identifier} exists already, or is being taken. Choose another.`;
      throw conflict(message);
    },
    async claimInstanceIdentifier(identifier) {
      if (identifiers === "assume") return;
      await lockIdentifiers(db, identifiers);
      if (!(await isInstanceIdentifierTaken(db, identifier, instance))) return;
      const message = `An instance ${identifier} exists already, or is being restored. Choose another identifier.`;
      throw conflict(message);
    },
    findSnapshot: (identifier) => findNamedSnapshot(db, instance.id, identifier),
    requireCopyTags: (identifier, snapshot) => inventory.requireCopyTags(db, instance, identifier, snapshot),
    async requireAgreedTags(change) {
      const loosened = loosenedBy ?? ((change) => inventory.loosenedByTags(db, [instance.id], change));
      const loosens = (await loosened(change)).get(instance.id) ?? [];
      const fault = faultOfLoosening(loosens, agreed);
      if (fault) throw forbidden("environments:decide", fault);
      return loosens;
    },
  });

  /** @returns why the operation is refused for what its instance and its provider are; null where it is not */
  function assessInstance({ declaration, input }: AskedOperation, instance: StoredInstance): AppError | null {
    const { type, assess } = declaration;
    const facts = factsOf(instance);
    const fault = assessOperability(facts, type, hasRunAt(input)) ?? assess(facts, input);
    if (fault || inventory.providerOf(instance)?.operations.includes(type)) return fault;
    return failedPrecondition("unsupported", `This instance's provider, ${instance.provider}, cannot do this here.`);
  }

  /** @returns why the operation is refused for those that wait already; null where there is room */
  function assessRoom({ input }: AskedOperation, waiting: WaitingOperations): AppError | null {
    const isScheduled = hasRunAt(input);
    const [count, max] = isScheduled ? [waiting.scheduled, MAX_SCHEDULED] : [waiting.queued, MAX_QUEUED];
    if (count < max) return null;
    return failedPrecondition(
      isScheduled ? "schedule full" : "queue full",
      `${max} operations ${isScheduled ? "are scheduled" : "wait"} for this instance already. Try again when some have ended.`,
    );
  }

  /** Says what would be stored, and stores nothing. @throws BAD_USER_INPUT, and what the preparation of the type throws */
  async function prepare(
    db: Db,
    asked: AskedOperation,
    instance: StoredInstance,
    identifiers: Identifiers,
  ): Promise<PreparedOperation> {
    const { declaration, input } = asked;
    const facts = factsOf(instance);
    const window = facts.maintenanceWindow ?? facts.cluster?.maintenanceWindow ?? null;
    const runAt = hasRunAt(input) ? requireRunAt(input, window, await findScheduledNow(db)) : null;
    const context = preparationOf(db, instance, identifiers, runAt ? new Date(runAt) : undefined, asked);
    const parameters = await declaration.prepare(context, facts, input);
    return { runAt, parameters, plan: planOf(declaration.type, facts, parameters) };
  }

  /** @throws CONFLICT where another retry of the operation has succeeded, or has not come to its end */
  async function requireOnlyRetry(db: Db, retryOf: bigint): Promise<void> {
    const id = await findRepetition(db, retryOf);
    if (id === null) return;
    throw conflict(`Operation ${id} repeats this one already. See it first: it is under way, or has succeeded.`);
  }

  return {
    preparationOf,
    assessInstance,
    assessRoom,
    prepare,

    /** Locks and finds an instance, so that its environment does not change between the check and the commit. @throws NOT_FOUND */
    async lock(db: Db, { changesEnvironments }: AskedOperation["declaration"], name: string): Promise<StoredInstance> {
      if (changesEnvironments) await inventory.lockEnvironments(db);
      return inventory.require(db, name, true);
    },

    /**
     * Foresees whether an operation that begins at once would be accepted on each of many instances, by the same statements however many they are. A
     * name that it generates counts as free, and room as there: it would wait for that.
     * @returns the errors with which it would be refused, in order; null where it would not be
     */
    foreseeMany(db: Db, asked: AskedOperation, instances: readonly StoredInstance[]): Promise<(AppError | null)[]> {
      const ids = instances.map(({ id }) => id);
      let loosened: ReturnType<NonNullable<AskedOperation["loosenedBy"]>> | undefined;
      const loosenedBy = (change: TagChange) => (loosened ??= inventory.loosenedByTags(db, ids, change));
      const foresee = async (instance: StoredInstance): Promise<AppError | null> => {
        const fault = assessInstance(asked, instance);
        if (fault) return fault;
        try {
          await prepare(db, { ...asked, loosenedBy }, instance, "assume");
          return null;
        } catch (error) {
          if (error instanceof AppError) return error;
          throw error;
        }
      };
      return Promise.all(instances.map(foresee));
    },

    /**
     * Queues an operation in the caller's transaction, which has locked the instance.
     * @returns its id, and its parameters as they are recorded
     * @throws PRODUCTION_PROTECTED, FAILED_PRECONDITION, CONFLICT, and what its preparation throws
     */
    async accept(db: Db, asked: AskedOperation, instance: StoredInstance, { id, ...origin }: OperationOrigin) {
      const { type, lane, concernsCluster } = asked.declaration;
      const { retryOf, bulkOperationId } = origin;
      const fault = assessInstance(asked, instance) ?? assessRoom(asked, await countWaitingOperations(db, instance.id));
      if (fault) throw fault;
      if (retryOf !== undefined) await requireOnlyRetry(db, retryOf);
      const { runAt, parameters, plan } = await prepare(db, asked, instance, "claim");
      const cluster = concernsCluster(parameters) ? (instance.cluster as ProviderCluster | null) : null;
      const queuedId = await insertOperation(db, {
        ...(id !== undefined && { id: BigInt(id) }),
        type,
        lane,
        instanceId: instance.id,
        environment: instance.environment,
        clusterArn: cluster?.arn ?? null,
        clusterResourceId: cluster?.resourceId ?? null,
        input: ownInputOf(asked),
        parameters,
        plan,
        ...(runAt && { runAt, status: "SCHEDULED" }),
        ...origin,
      });
      if (!runAt) await enqueue(db, instance);
      const recorded = {
        ...{ type, instanceId: String(instance.id), identifier: instance.identifier, ...parameters },
        ...(runAt && { runAt }),
        ...(bulkOperationId !== undefined && { bulkOperationId: String(bulkOperationId) }),
        ...(retryOf !== undefined && { retryOf: String(retryOf) }),
      };
      return { id: String(queuedId), recorded };
    },
  };
}
