import { SecurityEvent } from "../../src/modules/evidence/security-events/security-events.model.js";
import { inserted, type Specimen } from "./specimen.js";
import { user } from "./user.js";
import { FIRST, JSONS, MOMENTS, pick, range, sometimes, TEXTS } from "./values.js";

export const securityEvent: Specimen = {
  type: SecurityEvent,
  newestBy: "created_at",
  owner: "staff",
  references: { user: { to: user, column: "user_id" } },
  readers: ["SECURITY", "ADMIN"],
  inDemo: true,
  insert: (app) => inserted(app, "security_events (event_type, event_status) values ('n', 'WARNING')"),
  paging: {
    orders: [
      ["EVENT_STATUS DESC"],
      ["USER_FULL_NAME ASC LAST", "IP_ADDRESS DESC FIRST"],
      ["USER_AGENT DESC", "IP_ADDRESS", "EVENT_STATUS", "EVENT_TYPE DESC", "CREATED_AT"],
    ],
    rows: `
      delete from security_events;
      insert into security_events (event_type, event_status, ip_address, user_id, user_agent, created_at)
      select 'e' || n % 3, (array['SUCCESS', 'FAILURE', 'WARNING'])[1 + n % 3], case when n % 4 > 0 then '10.0.0.' || n % 5 end, nullif(n % 6, 0), pg_temp.word(n), pg_temp.at(n)
      from generate_series(1, 60) n`,
  },
  generated: {
    async insert(sql) {
      for (const n of range(40)) {
        await sql`
          insert into security_events
            (id, event_type, event_status, ip_address, user_id, user_agent, location, metadata, created_at)
          values (${FIRST + n}, ${pick(["authn_login_fail", "authz_fail", "%"], n)},
            ${pick(["SUCCESS", "WARNING", "FAILURE"], n)}, ${sometimes(`203.0.113.${n % 3}`, n, 4)},
            ${pick([null, FIRST, FIRST + 1, FIRST + 6, 987654], n)}, ${sometimes(pick(TEXTS, n), n, 3)},
            ${sometimes(pick(JSONS, n), n, 3)}::text::jsonb, ${sometimes(pick(JSONS, n + 3), n, 2)}::text::jsonb,
            ${pick(MOMENTS, n)})`;
      }
    },
    steps: {
      "other values": null,
      "as many rows again, with our own values": null,
      "the same rows, somebody else's": null,
      "none at all": "delete from security_events",
    },
  },
};
