/** The inputs and mutations of chat sessions. */

import { can } from "../../../auth/rules.js";
import type { Mutation } from "../../../engine/mutation.js";
import { rowInputs } from "../../../engine/types/row-inputs.js";
import { rowMutations } from "../../../engine/types/row-mutations.js";
import { createRowService, type RowsDeps } from "../../../engine/write/index.js";
import { absent, idText, momentText, nullable, text } from "../../../values/checked.js";
import { ChatSession } from "./chat.model.js";

const MAX_MESSAGE = 20_000;

const chatSessionInputs = rowInputs(ChatSession, {
  create: {
    userId: idText,
    sessionId: text(100),
    message: text(MAX_MESSAGE),
    response: nullable(text(MAX_MESSAGE, 0)),
    timestamp: absent(momentText),
  },
  update: { message: text(MAX_MESSAGE).optional(), response: nullable(text(MAX_MESSAGE, 0)) },
});

export const chatSessionMutations = (deps: RowsDeps): Record<string, Mutation> =>
  rowMutations(
    chatSessionInputs,
    createRowService(deps, chatSessionInputs),
    {
      createChatSession: "create",
      createChatSessions: "createMany",
      updateChatSession: "update",
      updateChatSessions: "updateMany",
      deleteChatSession: "delete",
      deleteChatSessions: "deleteMany",
    },
    can("chat-sessions:write"),
  );
