/** The servers of an instance, as its provider sees them. */
import type { MemberRole } from "../values/instances.js";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface ProviderMember {
  readonly name: string;
  readonly role: MemberRole;
  readonly endpoint: Endpoint | null;
  /** `available`, `rebuilding`, `starting`, `failed`, `stopped`, `unknown`; a standby that does not replay is `catching-up` or `paused`. */
  readonly status: string;
  /** How much WAL of its primary a standby has not replayed; null where that is not known. */
  readonly lagBytes: number | null;
  /** How old the data is that a standby shows; 0 where it has replayed all WAL. */
  readonly lagSeconds: number | null;
  /** Whether a standby replays what its primary sends; null for a primary. */
  readonly replaying: boolean | null;
  /** Why the member is not well; null where it is. */
  readonly lastError: string | null;
  /** Since when it has this status, as far as the provider saw it (RFC 3339). */
  readonly since: string | null;
}

/** The state of a member that nobody has observed. */
export const UNOBSERVED_MEMBER = {
  status: "unknown",
  lagBytes: null,
  lagSeconds: null,
  replaying: null,
  lastError: null,
  since: null,
} as const satisfies Partial<ProviderMember>;
