/** Plans operations: says whether a request would be accepted, and what would be done. It changes nothing. */
import { type Actor, accessOfActor } from "../../../auth/actor.js";
import type { Db } from "../../../db/client.js";
import { AppError, type ErrorCode, forbidden, unavailable } from "../../../errors.js";
import type { InstanceFigures, ProviderFailure } from "../../../providers/provider.js";
import type { InstanceFacts, OperationDeclaration } from "../../../values/operations/declaration.js";
import type { OperationType } from "../../../values/operations/declarations.js";
import type { OperationPlan } from "../../../values/operations/operation-plan.js";
import { withTimeout } from "../../../values/with-timeout.js";
import type { InventoryService, StoredInstance } from "../inventory/index.js";
import type { Acceptance, PreparedOperation } from "./acceptance.service.js";
import { requestOf } from "./operation-request.js";
import type { OperationRequestInput } from "./operations.inputs.js";
import { countWaitingOperations } from "./operations.store.js";
import type { OperationPolling } from "./operations.variables.js";
import { type PlanClash, windowClashes } from "./plan-clashes.js";
import { countManualSnapshots, findLastRuns, listNeighbouringOperations } from "./planning.store.js";
import { hasRunAt } from "./run-at.js";
import { findScheduledNow } from "./scheduled-operations.store.js";

/** A plan is not kept waiting by an instance or a provider that does not answer. */
const ANSWER_MS = 2_000;

/** What RDS allows in a region, of instances and of clusters each, unless an account has more. */
const MANUAL_SNAPSHOTS = 100;

/** What a request is refused with that fits its type. What does not fit is the caller's error here too. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  ...(["FORBIDDEN", "PRODUCTION_PROTECTED", "FAILED_PRECONDITION", "CONFLICT"] as const),
]);
const OF_CALLERS: ReadonlySet<ErrorCode> = new Set([...REFUSALS, "BAD_USER_INPUT", "NOT_FOUND"]);

export interface PlanningDeps {
  readonly db: Db;
  readonly inventory: InventoryService;
  readonly acceptance: Acceptance;
  readonly polling: (provider: string, type: OperationType) => OperationPolling;
}

export interface SnapshotQuota {
  readonly used: number;
  readonly limit: number;
}

/** A request, and what would become of it. */
export interface PlannedRequest {
  readonly type: OperationType;
  readonly instance: StoredInstance;
  /** Why its mutation would refuse it; null where it would be accepted. */
  readonly refusal: AppError | null;
  readonly runAt: string | null;
  readonly isInMaintenanceWindow: boolean;
  readonly watchedSeconds: number;
  /** What its provider would be asked with; null where it is refused before this is known, as the plan. */
  readonly parameters: PreparedOperation["parameters"] | null;
  readonly plan: OperationPlan | null;
  readonly warnings: readonly string[];
  readonly snapshotQuota: SnapshotQuota | null;
}

/** @returns the answer; null where it does not come in time */
const answerInTime = <T>(answer: Promise<T>): Promise<T | null> =>
  withTimeout(answer, ANSWER_MS, () => unavailable("The provider")).catch(() => null);

export type Planning = ReturnType<typeof createPlanning>;

export function createPlanning({ db, inventory, acceptance, polling }: PlanningDeps) {
  /** The looks that are under way, so that many who ask at once connect once. */
  const looks = new Map<string, Promise<InstanceFigures | null>>();

  async function quotaOf(type: OperationType, instance: StoredInstance): Promise<SnapshotQuota | null> {
    if (type !== "CREATE_SNAPSHOT" || instance.provider !== "aws-rds") return null;
    return { used: await countManualSnapshots(db, instance, instance.cluster !== null), limit: MANUAL_SNAPSHOTS };
  }

  return {
    /** @param input as the type's input has checked it @throws BAD_USER_INPUT, NOT_FOUND */
    async plan(
      actor: Actor,
      declaration: OperationDeclaration<OperationType>,
      input: OperationRequestInput,
    ): Promise<PlannedRequest> {
      const { type } = declaration;
      declaration.check(input);
      hasRunAt(input);
      const instance = await inventory.require(db, input.instanceId);
      const asked = { declaration, input };
      const mayRun = accessOfActor(actor).permissions.has("operations:run");
      const first =
        (mayRun ? null : forbidden("operations:run")) ??
        acceptance.assessInstance(asked, instance) ??
        acceptance.assessRoom(asked, await countWaitingOperations(db, instance.id));
      // What is refused has a plan all the same, where it can be made.
      const prepared = await acceptance.prepare(db, asked, instance, "look").catch((error): AppError => {
        const isRefusal = error instanceof AppError && (first ? OF_CALLERS : REFUSALS).has(error.code);
        if (isRefusal) return error;
        throw error;
      });
      const made: PreparedOperation | null = prepared instanceof AppError ? null : prepared;
      const { warnings = [] } = (made?.parameters ?? {}) as { warnings?: readonly string[] };
      const snapshotQuota = await quotaOf(type, instance);
      const isFull = snapshotQuota !== null && snapshotQuota.used >= snapshotQuota.limit;
      const full = `There are ${snapshotQuota?.used} manual snapshots, and RDS allows ${snapshotQuota?.limit} in a region unless it was raised.`;
      const { intervalMs, attempts } = polling(instance.provider, type);
      return {
        ...{ type, instance, snapshotQuota },
        refusal: first ?? (prepared instanceof AppError ? prepared : null),
        runAt: made?.runAt ?? null,
        isInMaintenanceWindow: input.inMaintenanceWindow ?? false,
        watchedSeconds: (intervalMs * attempts) / 1000,
        parameters: made?.parameters ?? null,
        plan: made?.plan ?? null,
        // A type may say the same in its parameters, where its operation shows it.
        warnings: [...new Set([...(made?.plan.warnings ?? []), ...warnings, ...(isFull ? [full] : [])])],
      };
    },

    /** @returns why the mutation would refuse it or, as far as the provider tells in time, why that would for certain; null where nothing is known against it */
    async refusalOf({ refusal, type, instance, parameters }: PlannedRequest): Promise<ProviderFailure | null> {
      const provider = inventory.providerOf(instance);
      if (refusal || !parameters || !provider) return refusal;
      // No operation has this id.
      const request = requestOf({ id: 0n, type, parameters }, instance.providerId);
      return (await answerInTime(provider.look(request)))?.refusal ?? null;
    },

    /** @returns what lies near the moment at which it would begin */
    async clashes({ instance, runAt, isInMaintenanceWindow }: PlannedRequest): Promise<readonly PlanClash[]> {
      const at = runAt === null ? await findScheduledNow(db) : new Date(runAt);
      const neighbours = await listNeighbouringOperations(db, instance, at);
      const others = neighbours.map(({ id, type, status, identifier, runAt }): PlanClash => {
        const when = runAt === null ? `is ${status}` : `is ${status}, for ${runAt}`;
        return { kind: "OPERATION", detail: `${type} on ${identifier} ${when}.`, operationId: id };
      });
      return [...windowClashes(instance as unknown as InstanceFacts, at, isInMaintenanceWindow), ...others];
    },

    lastRuns: ({ instance, type }: PlannedRequest) => findLastRuns(db, instance.id, type),

    /** @returns what goes on in the instance; null where nobody can say in time */
    figures({ instance }: PlannedRequest): Promise<InstanceFigures | null> {
      const { provider, providerId } = instance;
      const key = `${provider} ${providerId}`;
      const look = () =>
        Promise.resolve(inventory.providerOf(instance)?.figures(providerId) ?? null).finally(() => looks.delete(key));
      const looking = looks.get(key) ?? look();
      looks.set(key, looking);
      return answerInTime(looking);
    },
  };
}
