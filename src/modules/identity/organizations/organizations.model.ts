/** The type Organization, as clients read it. */
import { declareType, field, version } from "../../../engine/declare.js";
import { organizations } from "./organizations.table.js";

export const Organization = declareType({
  name: "Organization",
  plural: "organizations",
  uniqueKey: "domain",
  description: "A tenant. Users and data belong to it, and no other tenant sees them.",
  table: organizations,
  // Who reads users or performance logs may also read the organization of each.
  read: ["organizations:read", "users:read", "performance-logs:read"],
  queriedBy: ["organizations:read"],
  scope: { kind: "organization", column: organizations.id },
  newestBy: "createdAt",
  fields: {
    id: field(organizations.id, "Decimal text of the key."),
    name: field(organizations.name, "The name of the organization."),
    domain: field(organizations.domain, "The internet domain, which is unique whatever its case.", { inAnyCase: true }),
    subscriptionTier: field(organizations.subscriptionTier, "The plan that the organization pays for, such as `FREE`."),
    createdAt: field(organizations.createdAt, "When the organization was created."),
    version: version(organizations.version),
  },
  relations: {},
});
