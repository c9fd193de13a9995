/** Organizations: created and changed by administrators. */
import { can } from "../../../auth/rules.js";
import { rowMutations } from "../../../engine/types/row-mutations.js";
import { writeResolvers } from "../../../engine/types/write-resolver.js";
import { createRowService, type RowsDeps } from "../../../engine/write/index.js";
import type { Module } from "../../../module.js";
import { Organization } from "./organizations.model.js";
import { organizationWrites } from "./organizations.types.js";

export { Organization };

export const organizationsModule = (deps: RowsDeps): Module => ({
  types: [Organization],
  mutations: rowMutations(organizationWrites, can("organizations:write")),
  resolvers: writeResolvers(organizationWrites, createRowService(deps, organizationWrites)),
});
