import { Scope } from "../../src/modules/fleet/inventory/scopes.model.js";
import { inserted, next, type Specimen } from "./specimen.js";

export const scope: Specimen = {
  type: Scope,
  newestBy: "created_at",
  owner: "everyone",
  references: {},
  readers: ["DBA", "SECURITY", "ADMIN"],
  inDemo: false,
  insert: (app) =>
    inserted(
      app,
      `scopes (provider, account_id, region, state) values ('elsewhere', 'a-${next()}', 'eu-west-1', 'LISTED')`,
    ),
  paging: {
    orders: [
      ["STATE DESC"],
      ["REGION ASC LAST", "INSTANCE_COUNT DESC"],
      ["FAILING_SINCE DESC", "REGION", "STATE", "INSTANCE_COUNT DESC", "PROVIDER"],
    ],
    rows: `
      insert into scopes (id, provider, account_id, region, state, instance_count, failing_since, created_at)
      select n, 'p' || n % 2, 'a' || n, case when n % 3 > 0 then 'r' || n % 2 end, (enum_range(null::scope_state))[1 + n % 4], n % 5,
        case when n % 4 > 0 then pg_temp.at(n % 9) end, pg_temp.at(n) from generate_series(1, 60) n`,
    parent: "1",
  },
  generated: null,
};
