/** Users of Postern: created and changed by administrators, their own profile by everybody. */
import type { RowsDeps } from "../../../engine/write/index.js";
import type { Module } from "../../../module.js";
import { Role, User } from "./users.model.js";
import { userMutations } from "./users.mutations.js";
import type { EndsSessions } from "./users.service.js";

export { Role, User };

export const usersModule = (deps: RowsDeps & { sessions: EndsSessions }): Module => ({
  types: [User],
  mutations: userMutations(deps),
});
