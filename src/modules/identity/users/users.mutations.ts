/** The inputs and mutations of users. Everybody may change their own profile. */
import { z } from "zod";
import { can } from "../../../auth/rules.js";
import type { Mutation } from "../../../engine/mutation.js";
import { rowInputs } from "../../../engine/types/row-inputs.js";
import { rowMutations } from "../../../engine/types/row-mutations.js";
import { createRowService, type RowsDeps } from "../../../engine/write/index.js";
import { absent, checkedEmail, checkedId, checkedText, nullable } from "../../../values/checked.js";
import { Role, User } from "./users.model.js";
import { type SessionEnder, userRules } from "./users.service.js";

/** The schema only says that a password is text; auth/password-policy.ts says which. */
const password = z.string({ error: "Give a text." });

const create = {
  email: checkedEmail,
  password: password.describe(
    "12 to 128 characters; neither a common password nor made of the e-mail address or name.",
  ),
  fullName: nullable(checkedText(200)),
  role: z.enum(Role),
  organizationId: nullable(checkedId).describe(
    "The organization of the user. It is required for VIEWER and ANALYST; staff may have none.",
  ),
};

/** Hashing is slow on purpose, and passwords are hashed one after the other. */
const MAX_USERS = 100;

const userInputs = rowInputs(User, {
  create,
  upsert: {
    ...create,
    password: absent(password).describe(
      "The password, which a new user needs. A new password of an existing user ends the user's sessions.",
    ),
  },
  update: {
    email: checkedEmail.optional(),
    password: absent(password).describe("A new password. It ends the user's sessions."),
    fullName: nullable(checkedText(200)),
    role: z.enum(Role).optional().describe("A new role. It ends the user's sessions."),
    organizationId: nullable(checkedId).describe("Another organization. It ends the user's sessions."),
  },
  maxItems: MAX_USERS,
});

export const userMutations = ({ sessions, ...deps }: RowsDeps & { sessions: SessionEnder }): Record<string, Mutation> =>
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
    // Everybody may change their own profile; the service checks that it is theirs.
    { update: can("profile:write") },
  );
