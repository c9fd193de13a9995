/** The module of users. Administrators create and change them, officers keep them out, and everybody changes their own profile. */
import type { RowsDeps } from "../../../engine/write/index.js";
import type { Module } from "../../../module.js";
import { actorField, actorJsonField, optionalActorField } from "./actor.model.js";
import { userStatesMutations } from "./user-states.mutations.js";
import { createUserStatesService } from "./user-states.service.js";
import { Role, User } from "./users.model.js";
import { userMutations } from "./users.mutations.js";
import type { SessionEnder } from "./users.service.js";

export { actorField, actorJsonField, optionalActorField, Role, User };

export const usersModule = (deps: RowsDeps & { sessions: SessionEnder }): Module => ({
  types: [User],
  mutations: { ...userMutations(deps), ...userStatesMutations(createUserStatesService(deps)) },
});
