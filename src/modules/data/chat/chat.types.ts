/** What a client sends to create and change chat sessions. */

import { writeTypes } from "../../../engine/types/write-types.js";
import { absent, idText, moment, nullable, text } from "../../../values/checked.js";
import { ChatSession } from "./chat.model.js";

const MAX_MESSAGE = 20_000;

export const chatSessionWrites = writeTypes(ChatSession, {
  create: {
    userId: idText,
    sessionId: text(100),
    message: text(MAX_MESSAGE),
    response: nullable(text(MAX_MESSAGE, 0)),
    timestamp: absent(moment),
  },
  update: { message: text(MAX_MESSAGE).optional(), response: nullable(text(MAX_MESSAGE, 0)) },
});
