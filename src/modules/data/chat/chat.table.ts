/** The table of chat messages, each with its answer. */
import { index, pgTable, text, varchar } from "drizzle-orm/pg-core";
import { id, moment, reference, revision } from "../../../db/columns.js";
import { users } from "../../identity/users/users.table.js";

export const chatSessions = pgTable(
  "chat_sessions",
  {
    id: id(),
    userId: reference()
      .notNull()
      .references(() => users.id),
    sessionId: varchar({ length: 100 }).notNull(),
    message: text().notNull(),
    response: text(),
    timestamp: moment().notNull().defaultNow(),
    ...revision(),
  },
  (t) => [
    index("chat_sessions_user_idx").on(t.userId, t.timestamp.desc(), t.id.desc()),
    index("chat_sessions_session_idx").on(t.sessionId, t.timestamp.desc(), t.id.desc()),
    index("chat_sessions_timestamp_idx").on(t.timestamp.desc(), t.id.desc()),
  ],
);
