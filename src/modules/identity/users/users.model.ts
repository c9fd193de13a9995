/** The type User, as clients read it. */
import { declareType, field, one, version } from "../../../engine/declare.js";
import { enumTypeOf } from "../../../engine/types/object-type.js";
import { Organization } from "../organizations/index.js";
import { role, users } from "./users.table.js";

export const Role = enumTypeOf("Role", role.enumValues, "A role decides what a user or service may see and change.", {
  VIEWER: "Reads the data of its own organization.",
  ANALYST: "Reads and writes the data of its own organization.",
  DBA: "Sees the inventory, performance logs and the audit of operations; operates instances outside PRODUCTION.",
  SECURITY:
    "Sees security events, audit logs, users and sessions of every organization; locks and deactivates accounts, and ends sessions.",
  ADMIN: "Sees and administers everything.",
});

export const User = declareType({
  name: "User",
  plural: "users",
  uniqueKey: "email",
  description: "A person who signs in.",
  table: users,
  read: ["users:read"],
  scope: { kind: "organization", column: users.organizationId },
  newestBy: "createdAt",
  fields: {
    id: field(users.id, "Decimal text of the key."),
    email: field(users.email, "The e-mail address to sign in with, unique and in lower case.", { inAnyCase: true }),
    fullName: field(users.fullName, "The name to show."),
    role: field(users.role, "The role, which decides what the user may see and change.", { enumeration: Role }),
    createdAt: field(users.createdAt, "When the account was created."),
    lockedAt: field(users.lockedAt, "When an officer locked the account; null where it is not locked.", {
      read: ["users:lock"],
    }),
    deactivatedAt: field(users.deactivatedAt, "When the account was deactivated; null where it is active.", {
      read: ["users:lock"],
    }),
    version: version(users.version),
  },
  relations: {
    organization: one(
      () => Organization,
      users.organizationId,
      "The organization of the user; null for staff without one.",
      { name: "users", description: "The users of the organization." },
    ),
  },
});
