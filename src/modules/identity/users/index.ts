/** Users of Postern: created and changed by administrators, their own profile by everybody. */
import { writeResolvers } from "../../../engine/types/write-resolver.js";
import { createRowService, type RowsDeps } from "../../../engine/write/index.js";
import type { IdentityService } from "../sessions/index.js";
import { userRules } from "./users.service.js";
import { userWrites } from "./users.types.js";

export const userResolvers = (deps: RowsDeps & { identity: Pick<IdentityService, "endSessions" | "forget"> }) =>
  writeResolvers(userWrites, createRowService(deps, userWrites, userRules(deps)));
