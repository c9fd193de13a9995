/** What a client sends to create and change chat sessions. */
import { ChatSession } from "../../model/index.js";
import { absent, idText, moment, nullable, text } from "../../values/checked.js";
import { writeTypes } from "../../wire/write-types.js";

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
