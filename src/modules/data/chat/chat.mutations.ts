/** The inputs and mutations of chat sessions. */

import { can } from "../../../auth/rules.js";
import type { Mutation } from "../../../engine/mutation.js";
import { rowInputs } from "../../../engine/types/row-inputs.js";
import { rowMutations } from "../../../engine/types/row-mutations.js";
import { createRowService, type RowsDeps } from "../../../engine/write/index.js";
import { absent, checkedId, checkedMoment, checkedText, nullable } from "../../../values/checked.js";
import { ChatSession } from "./chat.model.js";

const MAX_MESSAGE = 20_000;

const chatSessionInputs = rowInputs(ChatSession, {
  create: {
    userId: checkedId,
    sessionId: checkedText(100),
    message: checkedText(MAX_MESSAGE),
    response: nullable(checkedText(MAX_MESSAGE, 0)),
    timestamp: absent(checkedMoment),
  },
  update: { message: checkedText(MAX_MESSAGE).optional(), response: nullable(checkedText(MAX_MESSAGE, 0)) },
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
