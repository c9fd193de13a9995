/** Makes audit records: one for each mutation of a signed-in actor, in the transaction of its change. */
import { describeActor } from "../auth/actor.js";
import type { Db } from "../db/client.js";
import type { AppError } from "../errors.js";
import { makeWellFormed } from "../values/well-formed.js";
import { insertAuditLogs } from "./audit.store.js";
import type { Call } from "./call.js";
import type { AuditEntry } from "./entry.js";
import type { Recorder } from "./recorder.js";

/** The outcome of a call. */
interface CallOutcome {
  readonly resourceId?: string | null | undefined;
  readonly result?: unknown;
}

const MAX_PARAMETERS = 16_384;

/** Long parameters are not kept, because a request's body may have a mebibyte. */
function limitParameters(parameters: unknown): unknown {
  const text = JSON.stringify(parameters ?? null);
  return text.length <= MAX_PARAMETERS ? makeWellFormed(parameters) : { truncated: true, characters: text.length };
}

/** A record of a user's or of Postern's own action. */
interface AuditRecord {
  /** The result of `describeActor`, or `{ type: "system", name }`. */
  readonly actor: Readonly<Record<string, string>>;
  /** `<resource>.<verb>`. */
  readonly action: string;
  readonly resourceId: string | null;
  readonly parameters: unknown;
  readonly result: unknown;
  /** Null where nobody knows. */
  readonly success: boolean | null;
  readonly durationSeconds: number | null;
  readonly requestId: string | null;
}

/** The columns that follow from the rest of a record. */
const deriveColumns = ({ actor, action }: Pick<AuditRecord, "actor" | "action">) => ({
  userId: actor.type === "user" && actor.id ? actor.id : null,
  resourceType: action.split(".")[0] as string,
});

interface AuditDeps {
  readonly clock: { now(): Date };
  /** Keeps the records that belong to no change. */
  readonly recorder: Pick<Recorder, "keep">;
}

export type AuditService = ReturnType<typeof createAuditService>;

/** @param clock tells how long a call took */
export function createAuditService({ clock, recorder }: AuditDeps) {
  const record = (db: Db, ...records: AuditRecord[]) => {
    const rows = records.map((record) => {
      const { userId, resourceType } = deriveColumns(record);
      return {
        ...record,
        userId: userId === null ? null : BigInt(userId),
        resourceType,
        parameters: limitParameters(record.parameters),
      };
    });
    return insertAuditLogs(db, rows);
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
    return { ...described, ...deriveColumns(described), parameters: limitParameters(described.parameters) };
  };

  return {
    /** @returns the values for a statement that makes a change and its record at once */
    entry: (call: Call, outcome: CallOutcome = {}): AuditEntry => entry(call, outcome),

    /** Records a call that succeeds. `db` is the transaction of its change. */
    record: (db: Db, call: Call, outcome: CallOutcome) => record(db, { ...describe(call, outcome), success: true }),

    /** Records actions that came after their call, or are Postern's own. `db` is the transaction of their change. */
    recordFor: record,

    /** Records an action that changes no row. @throws UNAVAILABLE where no record can be kept */
    recordNow(record: AuditRecord): Promise<void> {
      const row = {
        ...record,
        ...deriveColumns(record),
        parameters: limitParameters(record.parameters),
        result: makeWellFormed(record.result),
        timestamp: clock.now().toISOString(),
      };
      return recorder.keep({ table: "auditLogs", row });
    },

    /** Records a call that was refused, or failed and was undone. @throws UNAVAILABLE where no record can be kept */
    recordFailure(call: Call, error: AppError, resourceId?: string): Promise<void> {
      const row = {
        ...entry(call, { resourceId, result: { ...error.extensions, message: error.message } }),
        // Where the outcome is unknown, the change and its own record may be there.
        success: error.extensions.outcome === "unknown" ? null : false,
        timestamp: clock.now().toISOString(),
      };
      return recorder.keep({ table: "auditLogs", row });
    },
  };
}
