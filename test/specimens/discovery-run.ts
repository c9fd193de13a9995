import { DiscoveryRun } from "../../src/modules/fleet/discovery/discovery.model.js";
import { inserted, next, type Specimen } from "./specimen.js";

export const discoveryRun: Specimen = {
  type: DiscoveryRun,
  newestBy: "started_at",
  owner: "staff",
  references: {},
  readers: ["DBA", "SECURITY", "ADMIN"],
  inDemo: false,
  insert: (app) =>
    inserted(
      app,
      `discovery_runs (provider, requested_by, ended_at) values ('elsewhere-${next()}', '{"type": "system", "name": "schedule"}', now())`,
    ),
  paging: {
    orders: [
      ["PROVIDER DESC"],
      ["ENDED_AT ASC LAST", "FOUND DESC"],
      ["ENDED_AT DESC", "PROVIDER", "FAILED_SCOPES", "CHANGED DESC", "NEW"],
    ],
    rows: `
      insert into discovery_runs (provider, requested_by, started_at, ended_at, found, new, changed, failed_scopes)
      select case when n % 6 = 0 then 'o' || n else 'p' || n % 2 end, '{}', pg_temp.at(n), case when n % 6 > 0 then pg_temp.at(n % 9) end, n % 4, n % 2, n % 3, n % 2
      from generate_series(1, 60) n`,
  },
  generated: null,
};
