/** Runs operations on RDS: asks AWS for each change once, and finds out from AWS whether it was done. */
import type { Log } from "../../log.js";
import { isOfSnapshot } from "../../values/operations/declarations.js";
import { type FailureCode, OperationFailureError } from "../errors.js";
import type { Intent, OperationRequest, Poll, ProviderFailure, Sight } from "../provider.js";
import { backupWindowChange } from "./backup-window-change.js";
import { clusterFailover } from "./cluster-failover.js";
import { instanceClassChange } from "./instance-class.js";
import { parseInstanceId } from "./instance-id.js";
import { findRdsInstance, type RdsInstance } from "./instances.js";
import { seenSnapshotOf } from "./named-snapshot.js";
import { type Asked, type RdsOperation, running } from "./operation.js";
import { parameterGroupChange } from "./parameter-group.js";
import { reboot } from "./reboot.js";
import { asUnavailable, refusalOf } from "./refusals.js";
import type { AwsScope } from "./scopes.js";
import { snapshotCreation } from "./snapshot-creation.js";
import { snapshotDeletion } from "./snapshot-deletion.js";
import { snapshotRestore } from "./snapshot-restore.js";
import { instanceStart, instanceStop } from "./stop-start.js";
import { tagChange } from "./tag-change.js";

export const RDS_OPERATIONS = [
  "CREATE_SNAPSHOT",
  "REBOOT_INSTANCE",
  "MODIFY_BACKUP_WINDOW",
  "DELETE_SNAPSHOT",
  "RESTORE_SNAPSHOT",
  "STOP_INSTANCE",
  "START_INSTANCE",
  "MODIFY_INSTANCE_CLASS",
  "SET_INSTANCE_TAGS",
  "CHANGE_PARAMETER_GROUP",
] as const;

/** What this process knows of operations is kept of so many; of the others AWS tells as after a restart. */
const MAX_KEPT = 10_000;
const FIRST_RETRY_MS = 2_000;
const LAST_RETRY_MS = 60_000;

/** What became of a question. `undecided` are those whose answer was lost. */
interface Attempt extends Asked {
  state: "asking" | "acknowledged" | "undecided" | "refused" | "deferred" | "free";
  failure?: ProviderFailure;
  /** Whether what AWS has refused was all that there is of the operation. */
  isNothingMade?: boolean;
  /** When a deferred one may be asked again. */
  againAtMs: number;
  tries: number;
}

interface OperationsDeps {
  readonly scopeOf: (providerId: string) => AwsScope | null;
  readonly clock: { now(): Date };
  readonly log: Log;
  /** From 0 to 1, so that many do not ask again at the same moment. */
  readonly random: () => number;
}

/** A cluster's member is failed over by its cluster, and rebooted alone. */
function operationOf(request: OperationRequest, isCluster: boolean): RdsOperation<never, never> | null {
  if (request.type === "CREATE_SNAPSHOT") return snapshotCreation;
  if (request.type === "DELETE_SNAPSHOT") return snapshotDeletion;
  if (request.type === "RESTORE_SNAPSHOT") return snapshotRestore;
  if (request.type === "MODIFY_BACKUP_WINDOW") return backupWindowChange;
  if (request.type === "STOP_INSTANCE") return instanceStop;
  if (request.type === "START_INSTANCE") return instanceStart;
  if (request.type === "MODIFY_INSTANCE_CLASS") return instanceClassChange;
  if (request.type === "SET_INSTANCE_TAGS") return tagChange;
  if (request.type === "CHANGE_PARAMETER_GROUP") return parameterGroupChange;
  if (request.type === "REBOOT_INSTANCE") return request.forceFailover && isCluster ? clusterFailover : reboot;
  return null;
}

/** @returns why AWS refuses an operation for certain, by what was seen at the look, so that it is not asked; otherwise null */
function refusalBySight(request: OperationRequest, saw: Sight): ProviderFailure | null {
  if (request.type === "DELETE_SNAPSHOT" || request.type === "RESTORE_SNAPSHOT") {
    const message = `The instance has no snapshot ${request.snapshotId}.`;
    return seenSnapshotOf(saw) ? null : { code: "DBSnapshotNotFound", message };
  }
  if ("identifier" in saw || "cluster" in saw) return saw.refusal ?? null;
  return { code: "DBInstanceNotFound", message: "AWS has this instance no more." };
}

const refused = (failure: ProviderFailure, isNothingMade = false): Poll => ({
  state: "failed",
  resourceStatus: "unknown",
  failure,
  isNothingMade,
});

export function createRdsOperations({ scopeOf, clock, log, random }: OperationsDeps) {
  const attempts = new Map<string, Attempt>();
  const nowMs = () => clock.now().getTime();

  async function find(request: OperationRequest): Promise<RdsInstance | null> {
    const [scope, parts] = [scopeOf(request.providerId), parseInstanceId(request.providerId)];
    return scope && parts && findRdsInstance(scope, parts.id);
  }

  /** The one question, and what came of it. */
  async function ask(request: OperationRequest, { saw }: Intent, attempt: Attempt): Promise<void> {
    const scope = scopeOf(request.providerId);
    const { operationId, type } = request;
    try {
      const operation = operationOf(request, "cluster" in saw && saw.cluster !== null);
      if (!operation) throw new OperationFailureError("NotSupported", "Postern does not do this on RDS.");
      const refusal = refusalBySight(request, scope ? saw : {});
      if (refusal) throw new OperationFailureError(refusal.code as FailureCode, refusal.message);
      await operation.ask(scope!, request as never, saw);
      Object.assign(attempt, { state: "acknowledged", isAcknowledged: true });
    } catch (error) {
      const refusal =
        error instanceof OperationFailureError
          ? { failure: { code: error.code, message: error.message }, isPassing: false }
          : refusalOf(error, scope?.accountId ?? "");
      if (!refusal) {
        attempt.state = "undecided";
        throw asUnavailable(error, scope?.accountId ?? "");
      }
      const { isPassing } = refusal;
      const { code, message } = refusal.failure;
      const failure = { code, message: saw.unfinished === undefined ? message : `${message} ${saw.unfinished}` };
      const waitMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt.tries) * (0.5 + random() / 2);
      const state = isPassing ? "deferred" : "refused";
      const isNothingMade = saw.unfinished === undefined;
      Object.assign(attempt, { state, failure, isNothingMade, againAtMs: nowMs() + waitMs, tries: attempt.tries + 1 });
      log.warn({ operationId, type, code, isPassing }, "AWS refuses an operation");
    }
  }

  function keep(operationId: string, attempt: Attempt): void {
    attempts.set(operationId, attempt);
    if (attempts.size > MAX_KEPT) attempts.delete(attempts.keys().next().value as string);
  }

  /** @returns what this process knows of the operation without asking AWS, or null */
  function known(attempt: Attempt | undefined): Poll | null {
    if (attempt?.state === "asking") return running("unknown", "AWS has not answered yet.");
    if (attempt?.state === "refused") return refused(attempt.failure!, attempt.isNothingMade);
    if (attempt?.state !== "deferred") return null;
    if (nowMs() < attempt.againAtMs) return { state: "deferred", resourceStatus: "waiting", failure: attempt.failure! };
    attempt.state = "free";
    return { state: "unknown" };
  }

  return {
    async look(request: OperationRequest): Promise<Sight> {
      const scope = scopeOf(request.providerId);
      const found = await find(request);
      const operation = operationOf(request, found?.group !== undefined);
      const isThere = found !== null || isOfSnapshot(request.type);
      const saw =
        scope && isThere && operation ? await operation.look(scope, request as never, found as never, nowMs()) : {};
      return { ...saw, refusal: refusalBySight(request, saw) };
    },

    async start(request: OperationRequest, intent: Intent): Promise<void> {
      const before = attempts.get(request.operationId);
      if (before && before.state !== "free") return;
      const attempt: Attempt = {
        state: "asking",
        isAcknowledged: false,
        askedAtMs: nowMs(),
        wasBusy: false,
        againAtMs: 0,
        tries: before?.tries ?? 0,
      };
      keep(request.operationId, attempt);
      await ask(request, intent, attempt);
    },

    async poll(request: OperationRequest, intent: Intent | null): Promise<Poll> {
      const attempt = attempts.get(request.operationId);
      const told = known(attempt);
      if (told) return told;
      const scope = intent && scopeOf(request.providerId);
      if (!intent || !scope) return { state: "unknown" };
      const operation = operationOf(request, "cluster" in intent.saw && intent.saw.cluster !== null);
      if (!operation) return { state: "unknown" };
      // It was not asked for: whoever wrote the intent has ended before it was refused.
      const refusal = refusalBySight(request, intent.saw);
      if (refusal) return refused(refusal, true);
      const asked = attempt ?? { isAcknowledged: false, askedAtMs: 0, wasBusy: false };
      const found = isOfSnapshot(request.type) ? null : await find(request);
      const poll = await operation.poll(scope, request as never, found, { intent, asked, nowMs: nowMs() });
      if (poll.state === "unknown" && attempt) attempt.state = "free";
      return poll;
    },
  };
}
