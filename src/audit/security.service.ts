/** Security events: recorded by Postern itself, or by those who may record one through the API. */
import { z } from "zod";
import { describeActor } from "../auth/actor.js";
import type { Db } from "../db/client.js";
import { checked, idText, json, nullable, text } from "../values/checked.js";
import { makeWellFormed } from "../values/well-formed.js";
import type { AuditService } from "./audit.service.js";
import type { Call, Origin } from "./call.js";
import type { Recorder } from "./recorder.js";
import { insertSecurityEvents } from "./security.store.js";

export type SecurityEventStatus = "SUCCESS" | "FAILURE" | "WARNING";

/** What Postern records of itself. */
export interface RecordedEvent {
  /** OWASP Logging Vocabulary, at most 50 characters. */
  readonly eventType: string;
  readonly eventStatus: SecurityEventStatus;
  readonly userId?: string | null;
  readonly origin: Origin;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

const EventInput = z.object({
  eventType: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_:.-]{0,49}$/, "Give at most 50 letters, digits, `_`, `:`, `.` or `-`, a letter first."),
  eventStatus: z.enum(["SUCCESS", "FAILURE", "WARNING"]),
  ipAddress: nullable(z.union([z.ipv4(), z.ipv6()], "Give an IPv4 or IPv6 address.")),
  userId: nullable(idText),
  userAgent: nullable(text(1000, 0)),
  location: nullable(json),
  metadata: nullable(json),
});

const MAX_USER_AGENT = 1000;

export type SecurityService = ReturnType<typeof createSecurityService>;

export interface SecurityDeps {
  readonly db: Db;
  readonly audit: AuditService;
  readonly clock: { now(): Date };
  /** Keeps what is recorded with no change. */
  readonly recorder: Pick<Recorder, "keep">;
}

/** The values of an event by column property. */
const rowOf = ({ eventType, eventStatus, userId, origin, metadata }: RecordedEvent) => ({
  eventType,
  eventStatus,
  userId: userId ?? null,
  ipAddress: origin.ipAddress,
  userAgent: makeWellFormed(origin.userAgent)?.slice(0, MAX_USER_AGENT) ?? null,
  metadata: makeWellFormed({ ...metadata, requestId: origin.requestId }),
});

const withKey = <Row extends { userId?: string | null | undefined }>({ userId, ...row }: Row) => ({
  ...row,
  userId: userId ? BigInt(userId) : null,
});

export function createSecurityService({ db, audit, clock, recorder }: SecurityDeps) {
  return {
    /** Records events in the transaction of the caller, with one statement. */
    async record(inside: Db, ...events: RecordedEvent[]): Promise<void> {
      await insertSecurityEvents(
        inside,
        events.map((event) => withKey(rowOf(event))),
      );
    },

    /** Records events that belong to no change. @throws UNAVAILABLE where no record can be kept */
    recordNow(...events: RecordedEvent[]): Promise<void> {
      const createdAt = clock.now().toISOString();
      return recorder.keep(
        ...events.map((event) => ({ table: "securityEvents" as const, row: { ...rowOf(event), createdAt } })),
      );
    },

    /** @returns the id of an event that a caller recorded @throws BAD_USER_INPUT */
    recordForCaller(call: Call, input: unknown): Promise<string> {
      const event = { ...checked(EventInput, input), reportedBy: describeActor(call.actor) };
      return db.transaction(async (db) => {
        const [id] = await insertSecurityEvents(db, [withKey(event)]);
        await audit.record(db, call, { resourceId: id });
        return id as string;
      });
    },
  };
}
