/** The rules of users: passwords are hashed, tenants belong somewhere, an administrator always remains, and what tokens say stays true. */
import { accessOf } from "../../../auth/actor.js";
import { hashPassword, requireGoodPassword } from "../../../auth/passwords.js";
import { type Role, TENANT_ROLES } from "../../../auth/permissions.js";
import type { Db } from "../../../db/client.js";
import type { RowRules } from "../../../engine/write/index.js";
import type { RowValues } from "../../../engine/write/rows.js";
import { badUserInput, failedPrecondition, forbidden } from "../../../errors.js";
import { listWithAdministrators, type UserRow } from "./users.store.js";

/** What everybody may change of the own profile. */
const PROFILE: ReadonlySet<string> = new Set(["fullName"]);

/** Whoever has these changed must sign in again, to be who the tokens say. */
const IN_TOKENS = ["role", "organizationId", "email"] as const;

function requireOrganizationFor(role: Role, organizationId: unknown, field: string): void {
  if (TENANT_ROLES.has(role) && (organizationId === null || organizationId === undefined)) {
    throw badUserInput(field, `A ${role} belongs to an organization: give its id.`);
  }
}

/** @throws FAILED_PRECONDITION where nobody could administer any more */
function requireAdministrator(users: readonly UserRow[], changed: ReadonlySet<string>, role: Role | null): void {
  const administrators = users.filter((user) => user.role === "ADMIN");
  const stay = administrators.filter(({ id }) => !changed.has(id));
  if (role === "ADMIN" || stay.length > 0 || !administrators.some(({ id }) => changed.has(id))) return;
  throw failedPrecondition("last administrator", "No administrator would remain. Make another user ADMIN first.");
}

/** What ends the sessions of users. */
export interface EndsSessions {
  /** Ends every session of users, in the caller's transaction. @returns the ids of the sessions */
  endSessions(db: Db, userIds: readonly string[]): Promise<string[]>;
  /** Takes no access token of these sessions any more: to be called when the transaction is committed. */
  forget(sessionIds: readonly string[]): void;
}

export function userRules(sessions: EndsSessions): RowRules {
  return {
    /** All are checked before the first is hashed, and hashed one after the other, because that is work for all processors. */
    async prepare(rows, pathOf, creating) {
      for (const [index, { password, role, organizationId }] of rows.entries()) {
        if (creating) requireOrganizationFor(role as Role, organizationId, pathOf(index, "organizationId"));
        if (typeof password === "string") requireGoodPassword(password, pathOf(index, "password"));
        else if (creating) throw badUserInput(pathOf(index, "password"), "A new user needs a password.");
      }
      const stored: RowValues[] = [];
      for (const { password, ...rest } of rows) {
        stored.push(typeof password === "string" ? { ...rest, passwordHash: await hashPassword(password) } : rest);
      }
      return stored;
    },

    /** Whether a user exists that is not the actor's own is nobody's business without the right: refused before any look. */
    mayUpdate({ actor }, id, changes) {
      if (accessOf(actor).permissions.has("users:write")) return;
      const own = actor.kind === "user" && actor.userId === id;
      if (!own || !Object.keys(changes).every((name) => PROFILE.has(name))) {
        throw forbidden("users:write", "Your role may change only the full name of your own profile.");
      }
    },

    guard(changes) {
      if (changes !== null && ![...IN_TOKENS, "passwordHash"].some((name) => name in changes)) return undefined;
      return async (db, ids) => {
        const users = await listWithAdministrators(db, ids);
        const changed = users.filter(({ id }) => ids.includes(id));
        const { role, organizationId } = changes ?? {};
        if (changes === null || role !== undefined) {
          requireAdministrator(users, new Set(ids), changes && (role as Role));
        }
        for (const user of changes ? changed : []) {
          const belongsTo = organizationId === undefined ? user.organizationId : organizationId;
          requireOrganizationFor((role ?? user.role) as Role, belongsTo, "organizationId");
        }
        const unlike = (user: UserRow) =>
          IN_TOKENS.some((name) => changes?.[name] !== undefined && changes[name] !== user[name]);
        const leaving = changed.filter((user) => changes === null || "passwordHash" in changes || unlike(user));
        // The users are locked: nobody opens a session for what they were until this is committed.
        const ended = await sessions.endSessions(
          db,
          leaving.map(({ id }) => id),
        );
        return () => sessions.forget(ended);
      };
    },
  };
}
