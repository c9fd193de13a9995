/** What a client reads of organizations. */
import { declareType, field, version } from "../../../engine/declare.js";
import { organizations } from "./organizations.table.js";

export const Organization = declareType({
  name: "Organization",
  plural: "organizations",
  uniqueKey: "domain",
  description: "A tenant: users and data belong to it, and no other tenant sees them.",
  table: organizations,
  // Whoever sees users sees where they belong.
  read: ["organizations:read", "users:read"],
  queriedBy: ["organizations:read"],
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
  relations: {},
});
