/** The inputs and mutations of organizations. */

import { can } from "../../../auth/rules.js";
import type { Mutation } from "../../../engine/mutation.js";
import { rowInputs } from "../../../engine/types/row-inputs.js";
import { rowMutations } from "../../../engine/types/row-mutations.js";
import { createRowService, type RowsDeps } from "../../../engine/write/index.js";
import { absent, checkedText } from "../../../values/checked.js";
import { Organization } from "./organizations.model.js";

/** @returns the reason why a text is not a domain name by the rules of the DNS, or undefined */
function faultOfDomain(text: string): string | undefined {
  if (/[^\0-\x7f]/.test(text))
    return "Write other letters than a to z as the DNS does, in the form that begins with xn--.";
  if (/[^a-z0-9.-]/i.test(text))
    return "A domain name is made of letters, digits, hyphens and dots, such as example.org.";
  const labels = text.split(".");
  if (labels.includes("")) return "A dot stands only between two names, not at the beginning or at the end.";
  if (labels.some((label) => label.length > 63)) return "Between dots there are at most 63 characters.";
  if (labels.some((label) => label.startsWith("-") || label.endsWith("-"))) {
    return "No hyphen stands beside a dot, at the beginning or at the end.";
  }
  if (/^\d+$/.test(labels.at(-1) as string))
    return "What follows the last dot is not a number alone: give a name, not an address.";
  return undefined;
}

const domain = checkedText(253)
  .superRefine((value, context) => {
    const message = faultOfDomain(value);
    if (message) context.addIssue({ code: "custom", message });
  })
  .transform((value) => value.toLowerCase());

const organizationInputs = rowInputs(Organization, {
  create: { name: checkedText(200), domain, subscriptionTier: absent(checkedText(50)) },
  update: {
    name: checkedText(200).optional(),
    domain: domain.optional(),
    subscriptionTier: checkedText(50).optional(),
  },
});

export const organizationMutations = (deps: RowsDeps): Record<string, Mutation> =>
  rowMutations(
    organizationInputs,
    createRowService(deps, organizationInputs),
    {
      createOrganization: "create",
      createOrganizations: "createMany",
      updateOrganization: "update",
      updateOrganizations: "updateMany",
      deleteOrganization: "delete",
      deleteOrganizations: "deleteMany",
      upsertOrganization: "upsert",
    },
    can("organizations:write"),
  );
