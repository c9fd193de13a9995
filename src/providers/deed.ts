/** What a provider did to an instance by itself, and who records it. */
import type { EventStatus } from "../values/event-statuses.js";

/** Something that a provider did to an instance by itself, for the audit log. */
export interface Deed {
  readonly providerId: string;
  /** The part of Postern that did it, such as `repair` or `failover`; the audit record names it as the actor. */
  readonly by: string;
  /** `instance.<verb>`, such as `instance.rebuildStandby`. */
  readonly action: string;
  /** The outcome, or why it failed, without secrets. */
  readonly result: Readonly<Record<string, unknown>>;
  readonly success: boolean;
  /** The security event to record too, if it matters for security. */
  readonly event?: {
    /** In the style of the OWASP Logging Vocabulary, such as `instance_split_brain`; at most 50 characters. */
    readonly eventType: string;
    readonly eventStatus: EventStatus;
  };
}

/** Records a deed durably. It never throws: a deed that cannot be recorded is logged. */
export type Report = (deed: Deed) => Promise<void>;
