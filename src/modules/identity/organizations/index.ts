/** The module of organizations, which administrators create and change. */
import type { RowsDeps } from "../../../engine/write/index.js";
import type { Module } from "../../../module.js";
import { Organization } from "./organizations.model.js";
import { organizationMutations } from "./organizations.mutations.js";

export { Organization };

export const organizationsModule = (deps: RowsDeps): Module => ({
  types: [Organization],
  mutations: organizationMutations(deps),
});
