/** What a client reads of organizations and users. */
import { organizations, users } from "../db/tables/index.js";
import { declareType, field, many, one, version } from "../engine/declaration.js";
import { Role } from "./enums.js";
import { Scan } from "./scans.js";

export const Organization = declareType({
  name: "Organization",
  plural: "organizations",
  uniqueKey: "domain",
  description: "A tenant: users and data belong to it, and no other tenant sees them.",
  table: organizations,
  // Whoever sees users sees where they belong.
  read: ["organizations:read", "users:read"],
  scope: { kind: "organization", column: organizations.id },
  newestBy: "createdAt",
  fields: {
    id: field(organizations.id, "Decimal text of the key."),
    name: field(organizations.name, "The name that people know."),
    domain: field(organizations.domain, "The internet domain; unique in any case.", { inAnyCase: true }),
    subscriptionTier: field(organizations.subscriptionTier, "The plan that the organization pays for, such as `FREE`."),
    createdAt: field(organizations.createdAt, "When it was created."),
    version: version(organizations.version),
  },
  relations: {
    users: many(() => User, "organization", "Who belongs to it."),
    scans: many(() => Scan, "organization", "Its scans."),
  },
});

export const User = declareType({
  name: "User",
  plural: "users",
  uniqueKey: "email",
  description: "Somebody who signs in.",
  table: users,
  read: ["users:read"],
  scope: { kind: "organization", column: users.organizationId },
  newestBy: "createdAt",
  fields: {
    id: field(users.id, "Decimal text of the key."),
    email: field(users.email, "The address to sign in with, in lower case; unique.", { inAnyCase: true }),
    fullName: field(users.fullName, "The name to show."),
    role: field(users.role, "What the user may see and change.", { enumeration: Role }),
    createdAt: field(users.createdAt, "When the account was created."),
    version: version(users.version),
  },
  relations: {
    organization: one(
      () => Organization,
      users.organizationId,
      "Where the user belongs; null for staff that belong to none.",
    ),
  },
});
