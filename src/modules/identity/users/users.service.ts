/** The rules of users: passwords are hashed, tenants have an organization, an administrator remains, and changed users sign in again. */
import { accessOfActor } from "../../../auth/actor.js";
import { requireGoodPassword, requireImpersonalPassword } from "../../../auth/password-policy.js";
import { hashPassword } from "../../../auth/passwords.js";
import { type Role, TENANT_ROLES } from "../../../auth/permissions.js";
import type { Db } from "../../../db/client.js";
import type { RowRules } from "../../../engine/write/index.js";
import type { RowValues } from "../../../engine/write/rows.js";
import { badUserInput, failedPrecondition, forbidden } from "../../../errors.js";
import { listUsersWithAdministrators, type UserRow } from "./users.store.js";

/** The fields that everybody may change in their own profile. */
const PROFILE: ReadonlySet<string> = new Set(["fullName"]);

/** Access tokens carry these, so a user whose values change must sign in again. */
const IN_TOKENS = ["role", "organizationId", "email"] as const;

function requireOrganizationFor(role: Role, organizationId: unknown, field: string): void {
  if (TENANT_ROLES.has(role) && (organizationId === null || organizationId === undefined)) {
    throw badUserInput(field, `A ${role} belongs to an organization: give its id.`);
  }
}

/**
 * An administrator who is kept out administers nothing, and so does not count.
 * @param users at least all administrators
 * @param role the new role of those who change; null where they go or are kept out
 * @throws FAILED_PRECONDITION where no administrator would remain
 */
export function requireAdministrator(users: readonly UserRow[], changed: ReadonlySet<string>, role: Role | null): void {
  const administrators = users.filter(
    ({ role, isLocked, isDeactivated, hasPassword }) => role === "ADMIN" && !isLocked && !isDeactivated && hasPassword,
  );
  const unchanged = administrators.filter(({ id }) => !changed.has(id));
  if (role === "ADMIN" || unchanged.length > 0 || !administrators.some(({ id }) => changed.has(id))) return;
  throw failedPrecondition(
    "last administrator",
    "No administrator would remain who can sign in. Make another user ADMIN first.",
  );
}

/** The part of the sessions module that users need. */
export interface SessionEnder {
  /** Ends every session of users, in the caller's transaction. @returns the ids of the sessions */
  endSessions(db: Db, userIds: readonly string[]): Promise<string[]>;
  /** Refuses the access tokens of these sessions from now on. Call it after the commit. */
  refuseTokens(sessionIds: readonly string[]): void;
}

export function userRules(sessions: SessionEnder): RowRules {
  return {
    /** All passwords are checked before the first is hashed, and hashed one after the other, because hashing is heavy. */
    async prepare(rows, pathOf, creating) {
      for (const [index, { password, role, organizationId, ...account }] of rows.entries()) {
        if (creating) requireOrganizationFor(role as Role, organizationId, pathOf(index, "organizationId"));
        if (typeof password === "string") await requireGoodPassword(password, pathOf(index, "password"), account);
        else if (creating) throw badUserInput(pathOf(index, "password"), "A new user needs a password.");
      }
      const stored: RowValues[] = [];
      for (const { password, ...rest } of rows) {
        stored.push(typeof password === "string" ? { ...rest, passwordHash: await hashPassword(password) } : rest);
      }
      return stored;
    },

    /** It refuses before it reads, so that nobody learns without permission whether a user exists. */
    mayUpdate({ actor }, id, changes) {
      if (accessOfActor(actor).permissions.has("users:write")) return;
      const isOwn = actor.kind === "user" && actor.userId === id;
      if (!isOwn || !Object.keys(changes).every((name) => PROFILE.has(name))) {
        throw forbidden("users:write", "Your role may change only the full name of your own profile.");
      }
    },

    guard(changes, given, pathOf) {
      if (changes !== null && ![...IN_TOKENS, "passwordHash"].some((name) => name in changes)) return undefined;
      return async (db, ids) => {
        const users = await listUsersWithAdministrators(db, ids);
        const changed = users.filter(({ id }) => ids.includes(id));
        const { role, organizationId } = changes ?? {};
        const { password } = given ?? {};
        if (changes === null || role !== undefined) {
          requireAdministrator(users, new Set(ids), changes && (role as Role));
        }
        for (const user of changes ? changed : []) {
          const newOrganizationId = organizationId === undefined ? user.organizationId : organizationId;
          requireOrganizationFor((role ?? user.role) as Role, newOrganizationId, pathOf(0, "organizationId"));
          if (typeof password === "string") {
            requireImpersonalPassword(password, pathOf(0, "password"), { ...user, ...changes });
          }
        }
        const hasNewClaims = (user: UserRow) =>
          IN_TOKENS.some((name) => changes?.[name] !== undefined && changes[name] !== user[name]);
        const signedOut = changed.filter((user) => changes === null || "passwordHash" in changes || hasNewClaims(user));
        // The users are locked, so nobody can open a session with their old values before the commit.
        const ended = await sessions.endSessions(
          db,
          signedOut.map(({ id }) => id),
        );
        return () => sessions.refuseTokens(ended);
      };
    },
  };
}
