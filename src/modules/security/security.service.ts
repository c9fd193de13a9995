/** Security events: recorded by Postern itself, or by those who may record one through the API. */
import { z } from "zod";
import type { Call, Origin } from "../../auth/call.js";
import type { Db } from "../../db/client.js";
import { checked, idText, json, nullable, text } from "../../wire/checked.js";
import { makeWellFormed } from "../../wire/well-formed.js";
import type { AuditService } from "../audit/index.js";
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

export function createSecurityService({ db, audit }: { db: Db; audit: AuditService }) {
  return {
    /** Records events in the transaction of the caller, with one statement. */
    async record(inside: Db, ...events: RecordedEvent[]): Promise<void> {
      await insertSecurityEvents(
        inside,
        events.map(({ eventType, eventStatus, userId, origin, metadata }) => ({
          eventType,
          eventStatus,
          userId: userId ? BigInt(userId) : null,
          ipAddress: origin.ipAddress,
          userAgent: makeWellFormed(origin.userAgent)?.slice(0, MAX_USER_AGENT) ?? null,
          metadata: makeWellFormed({ ...metadata, requestId: origin.requestId }),
        })),
      );
    },

    /** @returns the id of an event that a caller recorded @throws BAD_USER_INPUT */
    recordForCaller(call: Call, input: unknown): Promise<string> {
      const { userId, ...event } = checked(EventInput, input);
      return db.transaction(async (db) => {
        const [id] = await insertSecurityEvents(db, [{ ...event, userId: userId ? BigInt(userId) : null }]);
        await audit.record(db, call, { resourceId: id });
        return id as string;
      });
    },
  };
}
