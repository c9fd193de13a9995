/** Users of Postern: created and changed by administrators, their own profile by everybody. */
import { writeResolvers } from "../../../engine/types/write-resolver.js";
import { createRowService, type RowsDeps } from "../../../engine/write/index.js";
import { type EndsSessions, userRules } from "./users.service.js";
import { userWrites } from "./users.types.js";

export { Role, User } from "./users.model.js";

export const userResolvers = (deps: RowsDeps & { identity: EndsSessions }) =>
  writeResolvers(userWrites, createRowService(deps, userWrites, userRules(deps)));
