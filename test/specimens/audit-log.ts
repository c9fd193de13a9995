import { AuditLog } from "../../src/modules/evidence/audit-log/audit-log.model.js";
import { inserted, type Specimen } from "./specimen.js";
import { user } from "./user.js";
import { FIRST, JSONS, MOMENTS, NUMBERS, PRESENT_JSONS, pick, range, sometimes, TEXTS } from "./values.js";

export const auditLog: Specimen = {
  type: AuditLog,
  newestBy: "timestamp",
  owner: "staff",
  references: { user: { to: user, column: "user_id" } },
  readers: ["DBA", "SECURITY", "ADMIN"],
  // A DBA reads those of operations only.
  seenBy: () => "resource_type = 'operation'",
  inDemo: false,
  insert: (app) =>
    inserted(
      app,
      `audit_logs (actor, action, resource_type, success) values ('{"type": "system"}', 'operation.requested', 'operation', true)`,
    ),
  paging: {
    orders: [
      ["ACTION"],
      ["USER_FULL_NAME ASC LAST", "RESOURCE_ID DESC FIRST", "SUCCESS ASC LAST"],
      ["SUCCESS DESC", "RESOURCE_TYPE", "DURATION_SECONDS", "REQUEST_ID DESC", "RESOURCE_ID"],
    ],
    rows: `
      insert into audit_logs (user_id, actor, action, resource_type, resource_id, success, duration_seconds, request_id, timestamp)
      select nullif(n % 6, 0), '{}', 'a' || n % 3, 'r' || n % 2, pg_temp.word(n), nullif(n % 3, 2) = 1, nullif(pg_temp.number(n), 0), nullif(n % 5, 0)::text, pg_temp.at(n)
      from generate_series(1, 50) n`,
  },
  generated: {
    // Late, so that retention never removes them.
    async insert(sql) {
      for (const n of range(40)) {
        await sql`
          insert into audit_logs
            (id, user_id, actor, action, resource_type, resource_id, parameters, result, success, duration_seconds, request_id, timestamp)
          values (${FIRST + n}, ${pick([null, FIRST, FIRST + 1, FIRST + 6, 987654], n)}, ${pick(PRESENT_JSONS, n)}::text::jsonb, ${pick(["scan.create", "operation.ended", ""], n)},
            ${pick(["operation", "Scan", "scan"], n)}, ${sometimes(pick(TEXTS, n), n, 4)},
            ${sometimes(pick(JSONS, n + 1), n, 3)}::text::jsonb, ${sometimes(pick(JSONS, n + 2), n, 4)}::text::jsonb,
            ${sometimes(n % 2 === 0, n, 5)}, ${sometimes(pick(NUMBERS, n), n, 3)}, ${sometimes(`r-${n % 4}`, n, 6)},
            ${pick(MOMENTS, n).replace(/^202\d/, "2099")})`;
      }
    },
    // Nothing changes them, and nothing removes them so early.
    steps: {
      "other values": null,
      "as many rows again, with our own values": null,
      "the same rows, somebody else's": null,
      "none at all": null,
    },
  },
};
