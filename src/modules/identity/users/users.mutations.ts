/** What administrators may do with users, and everybody with the own profile. */
import { z } from "zod";
import { can } from "../../../auth/rules.js";
import type { Mutation } from "../../../engine/mutation.js";
import { rowInputs } from "../../../engine/types/row-inputs.js";
import { rowMutations } from "../../../engine/types/row-mutations.js";
import { createRowService, type RowsDeps } from "../../../engine/write/index.js";
import { absent, email, idText, nullable, text } from "../../../values/checked.js";
import { Role, User } from "./users.model.js";
import { type EndsSessions, userRules } from "./users.service.js";

/** The policy itself stands in auth/passwords.ts; this only says what a client sees. */
const password = z.string({ error: "Give a text." });

const create = {
  email,
  password: password.describe("12 to 128 characters, and not among the commonest."),
  fullName: nullable(text(200)),
  role: z.enum(Role),
  organizationId: nullable(idText).describe("Required for VIEWER and ANALYST; staff may belong to none."),
};

/** Passwords are hashed one after the other, which takes its time on purpose. */
const MAX_USERS = 100;

const userInputs = rowInputs(User, {
  create,
  upsert: {
    ...create,
    password: absent(password).describe(
      "Required where there is no such user yet; a new one ends the user's sessions.",
    ),
  },
  update: {
    email: email.optional(),
    password: absent(password).describe("A new password. It ends the user's sessions."),
    fullName: nullable(text(200)),
    role: z.enum(Role).optional().describe("A new role. It ends the user's sessions."),
    organizationId: nullable(idText).describe("Another organization. It ends the user's sessions."),
  },
  maxItems: MAX_USERS,
});

export const userMutations = ({ sessions, ...deps }: RowsDeps & { sessions: EndsSessions }): Record<string, Mutation> =>
  rowMutations(
    userInputs,
    createRowService(deps, userInputs, userRules(sessions)),
    {
      createUser: "create",
      createUsers: "createMany",
      updateUser: "update",
      updateUsers: "updateMany",
      deleteUser: "delete",
      deleteUsers: "deleteMany",
      upsertUser: "upsert",
    },
    can("users:write"),
    // Everybody may change the own profile; the service decides whose and what.
    { update: can("profile:write") },
  );
