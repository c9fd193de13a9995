/** Users of Postern: created and changed by administrators, their own profile by everybody. */
import { writeResolvers } from "../../wire/write-resolver.js";
import type { IdentityService } from "../identity/index.js";
import { createRowService, type RowsDeps } from "../rows/index.js";
import { userRules } from "./users.service.js";
import { userWrites } from "./users.types.js";

export const userResolvers = (deps: RowsDeps & { identity: Pick<IdentityService, "endSessions" | "forget"> }) =>
  writeResolvers(userWrites, createRowService(deps, userWrites, userRules(deps)));
