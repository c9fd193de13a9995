/** Organizations: created and changed by administrators. */
import type { RowsDeps } from "../../../engine/write/index.js";
import type { Module } from "../../../module.js";
import { Organization } from "./organizations.model.js";
import { organizationMutations } from "./organizations.mutations.js";

export { Organization };

export const organizationsModule = (deps: RowsDeps): Module => ({
  types: [Organization],
  mutations: organizationMutations(deps),
});
