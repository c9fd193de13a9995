/** Chat sessions of users. */
import { writeResolvers } from "../../../engine/types/write-resolver.js";
import { createRowService, type RowsDeps } from "../../../engine/write/index.js";
import { chatSessionWrites } from "./chat.types.js";

export { ChatSession } from "./chat.model.js";

export const chatResolvers = (deps: RowsDeps) =>
  writeResolvers(chatSessionWrites, createRowService(deps, chatSessionWrites));
