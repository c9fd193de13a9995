/** The type ChatSession, as clients read it. */
import { declareType, field, one, version } from "../../../engine/declare.js";
import { User } from "../../identity/users/index.js";
import { chatSessions } from "./chat.table.js";

export const ChatSession = declareType({
  name: "ChatSession",
  plural: "chatSessions",
  description: "One message of a chat session, with its answer.",
  table: chatSessions,
  read: ["chat-sessions:read"],
  scope: { kind: "through", relation: "user" },
  newestBy: "timestamp",
  fields: {
    id: field(chatSessions.id, "Decimal text of the key."),
    sessionId: field(chatSessions.sessionId, "The conversation that the message belongs to."),
    message: field(chatSessions.message, "What the user wrote."),
    response: field(chatSessions.response, "The answer; null until there is one."),
    timestamp: field(chatSessions.timestamp, "When the message was written."),
    version: version(chatSessions.version),
  },
  relations: {
    user: one(() => User, chatSessions.userId, "The user who wrote it.", {
      name: "chatSessions",
      through: "organization",
      description: "The chat messages of the organization's users.",
      nullable: true,
    }),
  },
});
