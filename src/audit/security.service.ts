/** Records security events: Postern's own, and those that callers report through the API. */
import { describeActor } from "../auth/actor.js";
import type { Db } from "../db/client.js";
import type { EventStatus } from "../values/event-statuses.js";
import { makeWellFormed } from "../values/well-formed.js";
import type { AuditService } from "./audit.service.js";
import type { Call, CallOrigin } from "./call.js";
import type { Recorder } from "./recorder.js";
import { insertSecurityEvents } from "./security.store.js";

/** An event that Postern records by itself. */
export interface RecordedEvent {
  /** A word of the OWASP Logging Vocabulary, at most 50 characters. */
  readonly eventType: string;
  readonly eventStatus: EventStatus;
  readonly userId?: string | null;
  readonly origin: CallOrigin;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** An event that a caller reports, checked. */
interface ReportedEvent {
  readonly eventType: string;
  readonly eventStatus: EventStatus;
  readonly ipAddress?: string | null | undefined;
  readonly userId?: string | null | undefined;
  readonly userAgent?: string | null | undefined;
  readonly location?: unknown;
  readonly metadata?: unknown;
}

const MAX_USER_AGENT = 1000;

export type SecurityService = ReturnType<typeof createSecurityService>;

interface SecurityDeps {
  readonly db: Db;
  readonly audit: AuditService;
  readonly clock: { now(): Date };
  /** Keeps the events that belong to no change. */
  readonly recorder: Pick<Recorder, "keep">;
}

/** @returns the values of an event, by column property */
const rowOf = ({ eventType, eventStatus, userId, origin, metadata }: RecordedEvent) => ({
  eventType,
  eventStatus,
  userId: userId ?? null,
  ipAddress: origin.ipAddress,
  userAgent: makeWellFormed(origin.userAgent)?.slice(0, MAX_USER_AGENT) ?? null,
  metadata: makeWellFormed({ ...metadata, requestId: origin.requestId }),
});

const withBigintKey = <Row extends { userId?: string | null | undefined }>({ userId, ...row }: Row) => ({
  ...row,
  userId: userId ? BigInt(userId) : null,
});

export function createSecurityService({ db, audit, clock, recorder }: SecurityDeps) {
  return {
    /** Records events in the transaction of the caller, with one statement. */
    async record(inside: Db, ...events: RecordedEvent[]): Promise<void> {
      await insertSecurityEvents(
        inside,
        events.map((event) => withBigintKey(rowOf(event))),
      );
    },

    /** Records events that belong to no change. @throws UNAVAILABLE where no record can be kept */
    recordNow(...events: RecordedEvent[]): Promise<void> {
      const createdAt = clock.now().toISOString();
      return recorder.keep(
        ...events.map((event) => ({ table: "securityEvents" as const, row: { ...rowOf(event), createdAt } })),
      );
    },

    /** Records an event that a caller reports. @returns its id */
    recordForCaller(call: Call, input: ReportedEvent): Promise<string> {
      const event = { ...input, reportedBy: describeActor(call.actor) };
      return db.transaction(async (db) => {
        const [id] = await insertSecurityEvents(db, [withBigintKey(event)]);
        await audit.record(db, call, { resourceId: id });
        return id as string;
      });
    },
  };
}
