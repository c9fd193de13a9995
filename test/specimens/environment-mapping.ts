import { EnvironmentMapping } from "../../src/modules/fleet/inventory/environment-mapping.model.js";
import { insertBusyInstance } from "../support/fleet-port.js";
import { instance } from "./instance.js";
import { inserted, type Specimen } from "./specimen.js";

export const environmentMapping: Specimen = {
  type: EnvironmentMapping,
  newestBy: "created_at",
  owner: "staff",
  references: { instance: { to: instance, column: "instance_id" } },
  readers: ["DBA", "SECURITY", "ADMIN"],
  inDemo: false,
  insert: async (app) => {
    const instanceId = await insertBusyInstance(app);
    return inserted(
      app,
      `environment_mappings (instance_id, environment, reason, created_by) values (${instanceId}, 'TEST', 'r', '{"type": "system", "name": "test"}')`,
    );
  },
  paging: {
    orders: [
      ["ENVIRONMENT DESC"],
      ["INSTANCE_STORAGE_GIB DESC FIRST", "SETTLES ASC LAST"],
      ["SETTLES DESC", "ACCOUNT_ID", "ENVIRONMENT", "REASON DESC", "CREATED_AT"],
    ],
    rows: `
      insert into environment_mappings (instance_id, account_id, environment, reason, settles, created_by, created_at)
      select case when n % 3 > 0 then 1 + n / 50 end, case when n % 3 = 0 then 'a' || n % 2 end, (array[null, 'TEST', 'POC']::environment[])[1 + n % 3],
        'r' || n % 2, pg_temp.word(n), '{}', pg_temp.at(n) from generate_series(1, 60) n`,
  },
  generated: null,
};
