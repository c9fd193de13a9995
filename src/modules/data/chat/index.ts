/** The module of chat sessions. */
import type { RowsDeps } from "../../../engine/write/index.js";
import type { Module } from "../../../module.js";
import { ChatSession } from "./chat.model.js";
import { chatSessionMutations } from "./chat.mutations.js";

export { ChatSession };

export const chatModule = (deps: RowsDeps): Module => ({
  types: [ChatSession],
  mutations: chatSessionMutations(deps),
});
