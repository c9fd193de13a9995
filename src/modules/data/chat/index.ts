/** Chat sessions of users. */
import { can } from "../../../auth/rules.js";
import { rowMutations } from "../../../engine/types/row-mutations.js";
import { writeResolvers } from "../../../engine/types/write-resolver.js";
import { createRowService, type RowsDeps } from "../../../engine/write/index.js";
import type { Module } from "../../../module.js";
import { ChatSession } from "./chat.model.js";
import { chatSessionWrites } from "./chat.types.js";

export const chatModule = (deps: RowsDeps): Module => ({
  types: [ChatSession],
  mutations: rowMutations(chatSessionWrites, can("chat-sessions:write")),
  resolvers: writeResolvers(chatSessionWrites, createRowService(deps, chatSessionWrites)),
});
