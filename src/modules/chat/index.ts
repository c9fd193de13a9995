/** Chat sessions of users. */
import { writeResolvers } from "../../wire/write-resolver.js";
import { createRowService, type RowsDeps } from "../rows/index.js";
import { chatSessionWrites } from "./chat.types.js";

export const chatResolvers = (deps: RowsDeps) =>
  writeResolvers(chatSessionWrites, createRowService(deps, chatSessionWrites));
