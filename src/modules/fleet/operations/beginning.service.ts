/** Judges anew, before a provider is asked, whether an operation may begin: much may have changed since it was accepted. */
import { ROLE_PERMISSIONS } from "../../../auth/permissions.js";
import type { Db } from "../../../db/client.js";
import type { Poll, Provider, ProviderFailure } from "../../../providers/provider.js";
import type { InstanceFacts } from "../../../values/operations/declaration.js";
import { isOfSnapshot, type OperationRequest } from "../../../values/operations/declarations.js";
import { assessOperability } from "../../../values/operations/operability.js";
import { changeOfPlan, type OperationPlan, planOf } from "../../../values/operations/operation-plan.js";
import type { InventoryService, StoredInstance } from "../inventory/index.js";
import { faultOfLoosening } from "./agreed-tags.js";
import { failedRun, missedRunAt, type OperationRun } from "./operation-run.js";
import { findScheduledFacts } from "./scheduled-operations.store.js";
import { snapshotProtectionOf } from "./snapshot-protection.service.js";

export interface BeginningDeps {
  readonly db: Db;
  readonly inventory: InventoryService;
  /** How late a scheduled operation may begin. */
  readonly maxLatenessMinutes: number;
}

/** @param plan null where nobody has seen one @returns what has changed that decides, in words; null where nothing has */
function changeSince(plan: OperationPlan | null, request: OperationRequest, current: StoredInstance): string | null {
  return plan && changeOfPlan(plan, planOf(request.type, current as unknown as InstanceFacts, request));
}

export type Beginning = ReturnType<typeof createBeginning>;

export function createBeginning({ db, inventory, maxLatenessMinutes }: BeginningDeps) {
  /** Why it must not begin for its time or for whoever requested it, whatever its instance is. What Postern requests itself begins at once. */
  async function faultOfRequest({
    id,
    requestedBy,
    runAt,
  }: OperationRun["operation"]): Promise<ProviderFailure | null> {
    const requester = requestedBy as { readonly type?: string; readonly id?: string };
    if (requester.type !== "user" || requester.id === undefined) return null;
    const { isTooLate, isActive, role } = await findScheduledFacts(
      db,
      { id, userId: requester.id },
      maxLatenessMinutes,
    );
    const revoked = (message: string) => ({ code: "RequesterRevoked", message });
    if (role === null) return revoked("The account of whoever requested it is gone.");
    if (!isActive) return revoked("The account of whoever requested it is locked or deactivated.");
    if (!ROLE_PERMISSIONS[role].includes("operations:run")) {
      return revoked("Whoever requested it may not run operations any more.");
    }
    return isTooLate ? missedRunAt(runAt) : null;
  }

  /** Why it must not begin for its instance, for what its snapshot is protected by, or because it would do something else by now. */
  async function faultOfInstance(
    provider: Provider,
    request: OperationRequest,
    { operation, intent }: OperationRun,
  ): Promise<ProviderFailure | null> {
    const refreshed = await inventory.refreshInstance(provider, request.providerId);
    // Operations on a snapshot do not need its instance.
    const current =
      refreshed ?? (isOfSnapshot(request.type) ? await inventory.require(db, String(operation.instanceId)) : null);
    if (!current) return { code: "DBInstanceNotFound", message: "The provider has this instance no more." };
    const fault = assessOperability({ ...current, members: current.members as never }, request.type);
    const isByPostern = "automated" in request ? request.automated : "automatic" in request && request.automatic;
    if (fault?.code === "PRODUCTION_PROTECTED" && !isByPostern) return { code: fault.code, message: fault.message };
    if (request.type === "SET_INSTANCE_TAGS") {
      const loosens = await inventory.loosenedByTags(db, [current.id], request);
      const message = faultOfLoosening(loosens.get(current.id) ?? [], request.loosens ?? []);
      if (message) return { code: "LessProtected", message };
    }
    const protection = await snapshotProtectionOf(db, inventory, current, request);
    if (protection) return protection;
    // What was asked for changes the instance itself, and goes on.
    const change = intent ? null : changeSince(operation.plan as OperationPlan | null, request, current);
    return change === null ? null : { code: "PlanChanged", message: change };
  }

  return {
    /** @returns the poll that stands for the operation instead of its beginning; null where it may begin */
    async refusalOf(provider: Provider, request: OperationRequest, run: OperationRun): Promise<Poll | null> {
      const unbegun = await faultOfRequest(run.operation);
      const fault = unbegun ?? (await faultOfInstance(provider, request, run));
      if (!fault) return null;
      // Nothing else is done in steps that are asked for one after the other.
      const { unfinished } = request.type === "RESTORE_SNAPSHOT" ? await provider.look(request) : {};
      if (unfinished !== undefined) {
        // It has begun, so it goes on, however late that is. It is only as protected as ever.
        const barrier = unbegun ? await faultOfInstance(provider, request, run) : fault;
        if (!barrier || barrier.code === "PlanChanged") return null;
        return failedRun(barrier.code, `${barrier.message} ${unfinished}`);
      }
      // An earlier start may still arrive, and then it has begun. It is only not asked for again.
      return unbegun && run.intent ? { state: "unknown" } : failedRun(fault.code, fault.message);
    },
  };
}
