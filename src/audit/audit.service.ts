/** Audit records: one for every mutation of a signed-in actor, in the transaction of its change. */
import { describeActor } from "../auth/actor.js";
import type { Db } from "../db/client.js";
import type { AppError } from "../errors.js";
import { makeWellFormed } from "../values/well-formed.js";
import { insertAuditLog } from "./audit.store.js";
import type { Call } from "./call.js";
import type { AuditEntry } from "./entry.js";
import type { Recorder } from "./recorder.js";

/** What came of a call. */
export interface CallOutcome {
  readonly resourceId?: string | null | undefined;
  readonly result?: unknown;
}

const MAX_PARAMETERS = 16_384;

/** Parameters are kept as far as they are of a reasonable size; a body may be a mebibyte. */
function kept(parameters: unknown): unknown {
  const text = JSON.stringify(parameters ?? null);
  return text.length <= MAX_PARAMETERS ? makeWellFormed(parameters) : { truncated: true, characters: text.length };
}

/** A record, whoever it is about. */
export interface AuditRecord {
  /** As `describeActor` puts it, or `{ type: "system", name }`. */
  readonly actor: Readonly<Record<string, string>>;
  /** `<resource>.<verb>`. */
  readonly action: string;
  readonly resourceId: string | null;
  readonly parameters: unknown;
  readonly result: unknown;
  /** Null: not known. */
  readonly success: boolean | null;
  readonly durationSeconds: number | null;
  readonly requestId: string | null;
}

/** What follows from the rest of a record. */
const derivedOf = ({ actor, action }: Pick<AuditRecord, "actor" | "action">) => ({
  userId: actor.type === "user" && actor.id ? actor.id : null,
  resourceType: action.split(".")[0] as string,
});

export interface AuditDeps {
  readonly clock: { now(): Date };
  /** Keeps what is recorded with no change. */
  readonly recorder: Pick<Recorder, "keep">;
}

export type AuditService = ReturnType<typeof createAuditService>;

/** @param clock tells how long a call took */
export function createAuditService({ clock, recorder }: AuditDeps) {
  const record = (db: Db, record: AuditRecord) => {
    const { userId, resourceType } = derivedOf(record);
    return insertAuditLog(db, {
      ...record,
      userId: userId === null ? null : BigInt(userId),
      resourceType,
      parameters: kept(record.parameters),
    });
  };

  const describe = (call: Call, { resourceId, result }: CallOutcome) => ({
    actor: describeActor(call.actor),
    action: call.action,
    resourceId: resourceId ?? null,
    parameters: call.parameters,
    result: result ?? null,
    durationSeconds: (clock.now().getTime() - call.startedAtMs) / 1000,
    requestId: call.origin.requestId,
  });

  const entry = (call: Call, outcome: CallOutcome): AuditEntry => {
    const described = describe(call, outcome);
    return { ...described, ...derivedOf(described), parameters: kept(described.parameters) };
  };

  return {
    /** What a statement that makes the change itself writes down with it. */
    entry: (call: Call, outcome: CallOutcome = {}): AuditEntry => entry(call, outcome),

    /** Records a call that succeeds; `db` is the transaction of its change. */
    record: (db: Db, call: Call, outcome: CallOutcome) => record(db, { ...describe(call, outcome), success: true }),

    /** Records what was done later, or by Postern itself. */
    recordFor: record,

    /** As recordFor, with no change. @throws UNAVAILABLE where no record can be kept */
    recordNow(record: AuditRecord): Promise<void> {
      const row = {
        ...record,
        ...derivedOf(record),
        parameters: kept(record.parameters),
        result: makeWellFormed(record.result),
        timestamp: clock.now().toISOString(),
      };
      return recorder.keep({ table: "auditLogs", row });
    },

    /** Records a call that was refused or failed, whose change was undone. @throws UNAVAILABLE where no record can be kept */
    recordFailure(call: Call, error: AppError, resourceId?: string): Promise<void> {
      const row = {
        ...entry(call, { resourceId, result: { ...error.extensions, message: error.message } }),
        // A commit whose outcome is not known may have left its own record.
        success: error.extensions.outcome === "unknown" ? null : false,
        timestamp: clock.now().toISOString(),
      };
      return recorder.keep({ table: "auditLogs", row });
    },
  };
}
