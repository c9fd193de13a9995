/** What a client sends to create and change organizations. */
import { Organization } from "../../model/index.js";
import { absent, text } from "../../wire/checked.js";
import { writeTypes } from "../../wire/write-types.js";

const domain = text(253)
  .regex(/^(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*$/, "Give a domain name, such as example.org.")
  .transform((value) => value.toLowerCase());

export const organizationWrites = writeTypes(Organization, {
  create: { name: text(200), domain, subscriptionTier: absent(text(50)) },
  update: { name: text(200).optional(), domain: domain.optional(), subscriptionTier: text(50).optional() },
});
