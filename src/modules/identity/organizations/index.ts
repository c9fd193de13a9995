/** Organizations: created and changed by administrators. */
import { writeResolvers } from "../../../engine/types/write-resolver.js";
import { createRowService, type RowsDeps } from "../../../engine/write/index.js";
import { organizationWrites } from "./organizations.types.js";

export { Organization } from "./organizations.model.js";

export const organizationResolvers = (deps: RowsDeps) =>
  writeResolvers(organizationWrites, createRowService(deps, organizationWrites));
