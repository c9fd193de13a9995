/** Users: created and changed by administrators, their own profile by everybody. */
import { accessOf } from "../../auth/actor.js";
import type { Call } from "../../auth/call.js";
import { hashPassword, requireGoodPassword } from "../../auth/passwords.js";
import { type Role, TENANT_ROLES } from "../../auth/permissions.js";
import type { Db } from "../../db/client.js";
import { deleteRow, insertRows, updateRow, type Values } from "../../db/rows.js";
import { badUserInput, failedPrecondition, forbidden } from "../../errors.js";
import { User } from "../../model/index.js";
import { checked } from "../../wire/checked.js";
import type { RowService } from "../../wire/write-resolver.js";
import type { IdentityService } from "../identity/index.js";
import { present, type RowsDeps, requireChange } from "../rows/index.js";
import { findUser, listOtherAdministrators } from "./users.store.js";
import { userWrites } from "./users.types.js";

/** What everybody may change of the own profile. */
const PROFILE: ReadonlySet<string> = new Set(["fullName"]);

/** Whoever had these changed must sign in again, to be who the tokens say. */
const ENDS_SESSIONS = ["role", "organizationId", "passwordHash", "email"] as const;

function requireOrganizationFor(role: Role, organizationId: unknown): void {
  if (TENANT_ROLES.has(role) && (organizationId === null || organizationId === undefined)) {
    throw badUserInput("organizationId", `A ${role} belongs to an organization: give its id.`);
  }
}

/** Replaces the password of an input by its hash. */
async function hashed({ password, ...rest }: Values): Promise<Values> {
  if (typeof password !== "string") return rest;
  requireGoodPassword(password, "password");
  return { ...rest, passwordHash: await hashPassword(password) };
}

export interface UsersDeps extends RowsDeps {
  readonly identity: Pick<IdentityService, "endSessions" | "forget">;
}

export function createUserService({ db, audit, identity }: UsersDeps): RowService {
  /** @throws FAILED_PRECONDITION where nobody could administer any more */
  async function requireAnotherAdministrator(db: Db, id: string): Promise<void> {
    const others = await listOtherAdministrators(db, id);
    if (others.length === 0) {
      throw failedPrecondition("last administrator", "This is the only administrator. Make another user ADMIN first.");
    }
  }

  return {
    async create(call, input) {
      const values = await hashed(present(checked(userWrites.create, input)));
      requireOrganizationFor(values.role as Role, values.organizationId);
      return db.transaction(async (db) => {
        const [id] = await insertRows(db, User, [values]);
        await audit.record(db, call, { resourceId: id });
        return id as string;
      });
    },

    async update(call, input) {
      const { id, version, ...given } = checked(userWrites.update, input);
      const wanted = present(given);
      requireChange(wanted);
      requireRight(call, id, Object.keys(wanted));
      const changes = await hashed(wanted);
      const ended = await db.transaction(async (db) => {
        const user = "role" in changes || "organizationId" in changes ? await findUser(db, id) : null;
        if (user) {
          const role = (changes.role ?? user.role) as Role;
          requireOrganizationFor(role, "organizationId" in changes ? changes.organizationId : user.organizationId);
          if (user.role === "ADMIN" && role !== "ADMIN") await requireAnotherAdministrator(db, id);
        }
        await updateRow(db, User, accessOf(call.actor), id, version, changes);
        await audit.record(db, call, { resourceId: id });
        return ENDS_SESSIONS.some((name) => name in changes) ? identity.endSessions(db, id) : [];
      });
      identity.forget(ended);
      return id;
    },

    async delete(call, input) {
      const { id, version } = checked(userWrites.delete, input);
      const ended = await db.transaction(async (db) => {
        const user = await findUser(db, id);
        if (user?.role === "ADMIN") await requireAnotherAdministrator(db, id);
        const ended = user ? await identity.endSessions(db, id) : [];
        await deleteRow(db, User, accessOf(call.actor), id, version);
        await audit.record(db, call, { resourceId: id });
        return ended;
      });
      identity.forget(ended);
      return id;
    },
  };

  /** Whether a user exists that is not the actor's own is nobody's business without the right: refused before any look. */
  function requireRight({ actor }: Call, id: string, names: readonly string[]): void {
    if (accessOf(actor).permissions.has("users:write")) return;
    const own = actor.kind === "user" && actor.userId === id;
    if (!own || !names.every((name) => PROFILE.has(name))) {
      throw forbidden("users:write", "Your role may change only the full name of your own profile.");
    }
  }
}
