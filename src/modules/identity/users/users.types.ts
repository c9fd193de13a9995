/** What a client sends to create and change users. */
import { z } from "zod";
import { writeTypes } from "../../../engine/types/write-types.js";
import { absent, email, idText, nullable, text } from "../../../values/checked.js";
import { Role, User } from "./users.model.js";

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

export const userWrites = writeTypes(User, {
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
