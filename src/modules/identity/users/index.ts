/** Users of Postern: created and changed by administrators, their own profile by everybody. */
import { can } from "../../../auth/rules.js";
import { rowMutations } from "../../../engine/types/row-mutations.js";
import { writeResolvers } from "../../../engine/types/write-resolver.js";
import { createRowService, type RowsDeps } from "../../../engine/write/index.js";
import type { Module } from "../../../module.js";
import { Role, User } from "./users.model.js";
import { type EndsSessions, userRules } from "./users.service.js";
import { userWrites } from "./users.types.js";

export { Role, User };

export const usersModule = ({ sessions, ...deps }: RowsDeps & { sessions: EndsSessions }): Module => ({
  types: [User],
  // Everybody may change the own profile; the service decides whose and what.
  mutations: rowMutations(userWrites, can("users:write"), { update: can("profile:write") }),
  resolvers: writeResolvers(userWrites, createRowService(deps, userWrites, userRules(sessions))),
});
