import { ChatSession } from "../../src/modules/data/chat/chat.model.js";
import { EMAILS } from "../support/app.js";
import { inserted, type Specimen } from "./specimen.js";
import { user } from "./user.js";
import { FIRST, ids, MOMENTS, OURS, pick, sometimes, TEXTS, USERS } from "./values.js";

const AT = "2026-03-01T10:00:00.123456Z";
const THEIR_USERS = `select id from users where organization_id is distinct from ${OURS}`;
const { otherViewer, otherAnalyst, admin, dba } = EMAILS;

export const chatSession: Specimen = {
  type: ChatSession,
  newestBy: "timestamp",
  owner: { column: "user_id", of: user },
  references: { user: { to: user, column: "user_id", inverse: "chatSessions", through: "organization" } },
  readers: ["VIEWER", "ANALYST", "ADMIN"],
  inDemo: true,
  insert: (app) => inserted(app, "chat_sessions (user_id, session_id, message) values (2, 's', 'm')"),
  elsewhere: `
    insert into chat_sessions (user_id, session_id, message)
    select id, 'x', email from users where email in ('${otherViewer}', '${otherAnalyst}', '${admin}', '${dba}')`,
  writes: {
    roles: ["ANALYST", "ADMIN"],
    resource: "chat-session",
    create: () => ({ sessionId: "talk", message: "Which scans failed?", timestamp: AT }),
    changes: { response: "None." },
    selection: "user { id } sessionId message response timestamp",
    created: () => ({
      user: { id: "2" },
      sessionId: "talk",
      message: "Which scans failed?",
      response: null,
      timestamp: AT,
    }),
    within: { field: "userId", to: user, own: "2" },
    forms: {
      sessionId: { max: 100, malformed: [""] },
      message: { max: 20_000, malformed: [""] },
      response: { max: 20_000 },
    },
    statements: { create: { selection: "chatSession { id user { email } }" } },
  },
  paging: {
    orders: [
      ["SESSION_ID"],
      ["USER_FULL_NAME DESC FIRST", "RESPONSE"],
      ["RESPONSE DESC", "SESSION_ID", "VERSION DESC", "MESSAGE", "TIMESTAMP"],
    ],
    rows: `
      delete from chat_sessions;
      insert into chat_sessions (user_id, session_id, message, response, timestamp)
      select (select id from users where email = n || '@w.example'), 's' || n % 3, 'm', pg_temp.word(n), pg_temp.at(n) from generate_series(1, 50) n`,
  },
  generated: {
    insert: (sql) =>
      sql`insert into chat_sessions ${sql(
        ids(25).map((id, n) => ({
          id,
          user_id: FIRST + (n % USERS.length),
          session_id: pick(["s", "S", "t%"], n),
          message: pick(TEXTS, n),
          response: sometimes(pick(TEXTS, n + 2), n, 3),
          timestamp: pick(MOMENTS, n),
        })),
      )}`,
    steps: {
      "other values": `
        update chat_sessions set session_id = 's', message = '', response = 'zebra', timestamp = timestamp - interval '1 hour'
        where user_id in (${THEIR_USERS})`,
      "as many rows again, with our own values": `
        insert into chat_sessions (user_id, session_id, message, response, timestamp)
        select (select max(id) from users where organization_id = 2), session_id, message, response, timestamp
        from chat_sessions where user_id not in (${THEIR_USERS})`,
      "the same rows, somebody else's": `
        update chat_sessions set user_id = (select max(id) from users where organization_id = 1001)
        where user_id in (${THEIR_USERS})`,
      "none at all": `delete from chat_sessions where user_id in (${THEIR_USERS})`,
    },
  },
};
