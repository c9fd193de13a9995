/** The actor: who makes a call, what they may do, and which rows they reach. */
import { type Permission, ROLE_PERMISSIONS, type Role, TENANT_ROLES } from "./permissions.js";

/** A signed-in user. */
export interface UserActor {
  readonly kind: "user";
  readonly userId: string;
  readonly email: string;
  readonly role: Role;
  /** Decimal text of the key; null for staff that belong to none. */
  readonly organizationId: string | null;
  readonly sessionId: string;
  /** When the access token ends, RFC 3339. */
  readonly expiresAt: string;
  /** When the session ends if it is not refreshed before, RFC 3339. */
  readonly sessionExpiresAt: string;
}

/** Somebody who has not signed in. `reason` says why the credentials that were sent do not count. */
export interface AnonymousActor {
  readonly kind: "anonymous";
  readonly reason?: string;
}

export type Actor = UserActor | AnonymousActor;

/** What an actor may do, and whose rows they reach. */
export interface ActorAccess {
  readonly permissions: ReadonlySet<Permission>;
  /** The only organization whose rows the actor reaches; null reaches all rows. */
  readonly organizationId: string | null;
  /** The user and the session that act; null where nobody has signed in. */
  readonly userId: string | null;
  readonly sessionId: string | null;
  /** The same for all actors whose reads compile to the same SQL. */
  readonly shape: string;
  /** The name under which the cache counts what it keeps for the actor. */
  readonly holder: string;
}

const PERMISSION_SETS = new Map(
  Object.entries(ROLE_PERMISSIONS).map(([role, permissions]) => [role, new Set(permissions)] as const),
);
const NOBODY: ActorAccess = {
  permissions: new Set(),
  organizationId: null,
  userId: null,
  sessionId: null,
  shape: "anonymous",
  holder: "anonymous",
};

/** @returns the access of an actor. An anonymous one has no permission, and so reaches no row. */
export function accessOfActor(actor: Actor): ActorAccess {
  if (actor.kind === "anonymous") return NOBODY;
  const isTenant = TENANT_ROLES.has(actor.role);
  if (isTenant && actor.organizationId === null) return NOBODY;
  return {
    permissions: PERMISSION_SETS.get(actor.role) ?? NOBODY.permissions,
    organizationId: isTenant ? actor.organizationId : null,
    userId: actor.userId,
    sessionId: actor.sessionId,
    shape: actor.role,
    holder: actor.userId,
  };
}

/** @returns the actor as the audit log keeps it */
export function describeActor(actor: Actor): Record<string, string> {
  return actor.kind === "user"
    ? { type: "user", id: actor.userId, email: actor.email, role: actor.role }
    : { type: "anonymous" };
}
