import { Instance } from "../../src/modules/fleet/inventory/inventory.model.js";
import { insertBusyInstance } from "../support/fleet-port.js";
import { scope } from "./scope.js";
import type { Specimen } from "./specimen.js";

export const instance: Specimen = {
  type: Instance,
  newestBy: "discovered_at",
  owner: "everyone",
  references: { scope: { to: scope, column: "scope_id" } },
  readers: ["VIEWER", "ANALYST", "DBA", "SECURITY", "ADMIN"],
  inDemo: false,
  insert: (app) => insertBusyInstance(app),
  paging: {
    orders: [
      ["MULTI_AZ"],
      ["STORAGE_GIB ASC LAST", "MULTI_AZ DESC"],
      ["VANISHED_AT DESC", "REGION", "MULTI_AZ", "STORAGE_GIB DESC", "STATUS"],
    ],
    rows: `
      insert into instances (id, scope_id, provider, provider_id, identifier, region, engine, engine_version, storage_gib, multi_az, status, members, cluster, tags, environment,
        classification, discovered_at, vanished_at)
      select n, 1, 'w', n::text, 'w' || n, case when n % 3 > 0 then 'r' || n % 2 end, 'postgres', '15', nullif(n % 4, 0), n % 2 = 0, 's' || n % 2, '[]', case when n < 3 then '{"identifier": "c", "arn": "arn:c"}'::jsonb end, '[]', 'TEST',
        '{}', pg_temp.at(n), case when n % 2 = 0 then pg_temp.at(n % 8) end from generate_series(1, 50) n`,
    parent: "1",
  },
  generated: null,
};
