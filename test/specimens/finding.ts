import { Finding } from "../../src/modules/fleet/inventory/inventory.model.js";
import { insertBusyInstance, insertFinding } from "../support/fleet-port.js";
import { instance } from "./instance.js";
import { scope } from "./scope.js";
import type { Specimen } from "./specimen.js";

export const finding: Specimen = {
  type: Finding,
  newestBy: "opened_at",
  owner: "staff",
  references: {
    instance: { to: instance, column: "instance_id", inverse: "findings" },
    scope: { to: scope, column: "scope_id", inverse: "findings" },
  },
  readers: ["DBA", "SECURITY", "ADMIN"],
  inDemo: false,
  insert: async (app) => insertFinding(app, await insertBusyInstance(app)),
  paging: {
    orders: [
      ["SEVERITY DESC"],
      ["INSTANCE_STORAGE_GIB DESC FIRST", "SUBJECT ASC LAST"],
      ["RESOLVED_AT DESC", "SEVERITY", "KIND", "SUBJECT", "OPENED_AT"],
    ],
    rows: `
      insert into findings (instance_id, scope_id, kind, severity, subject, detail, opened_at, resolved_at)
      select case when n % 7 > 0 then 1 + n / 50 end, case when n % 7 = 0 then 1 end, 'k' || case when n % 7 = 0 then n else n % 3 end, (enum_range(null::alert_severity))[1 + n % 3], case when n % 4 > 0 then 's' || n % 5 end, 'd' || n % 2, pg_temp.at(n), pg_temp.at(n % 8)
      from generate_series(1, 60) n`,
  },
  generated: null,
};
