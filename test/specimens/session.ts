import { Session } from "../../src/modules/identity/sessions/sessions.model.js";
import type { Specimen } from "./specimen.js";
import { user } from "./user.js";

export const session: Specimen = {
  type: Session,
  newestBy: "created_at",
  owner: "user",
  references: { user: { to: user, column: "user_id" } },
  readers: ["VIEWER", "ANALYST", "DBA", "SECURITY", "ADMIN"],
  seenBy: (user) => `user_id = ${user}`,
  inDemo: false,
  async insert({ sql }) {
    const [row] = await sql`
      insert into sessions (id, user_id, expires_at) values (gen_random_uuid(), 2, now() + interval '7 days') returning key`;
    return String(row?.key);
  },
  paging: {
    orders: [
      ["IP_ADDRESS DESC"],
      ["USER_FULL_NAME ASC LAST", "USER_AGENT DESC FIRST"],
      ["USER_AGENT DESC", "IP_ADDRESS", "EXPIRES_AT", "LAST_USED_AT DESC", "CREATED_AT"],
    ],
    // Late ends, so that none is removed.
    rows: `
      insert into sessions (id, user_id, user_agent, ip_address, created_at, last_used_at, expires_at)
      select gen_random_uuid(), nullif(n % 6, 0), pg_temp.word(n), case when n % 4 > 0 then '10.0.0.' || n % 5 end, pg_temp.at(n), pg_temp.at(n % 8), '2099-01-01'
      from generate_series(1, 60) n`,
  },
  generated: null,
};
