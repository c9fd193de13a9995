import { InstanceChange } from "../../src/modules/fleet/inventory/instance-changes.model.js";
import { insertBusyInstance } from "../support/fleet-port.js";
import { instance } from "./instance.js";
import { inserted, type Specimen } from "./specimen.js";

export const instanceChange: Specimen = {
  type: InstanceChange,
  newestBy: "at",
  owner: "everyone",
  references: { instance: { to: instance, column: "instance_id", inverse: "changes" } },
  readers: ["VIEWER", "ANALYST", "DBA", "SECURITY", "ADMIN"],
  inDemo: false,
  insert: async (app) => {
    const instanceId = await insertBusyInstance(app);
    return inserted(
      app,
      `instance_changes (instance_id, field, before, after) values (${instanceId}, 'ENGINE_VERSION', '"15.7"', '"15.8"')`,
    );
  },
  paging: {
    orders: [
      ["FIELD DESC"],
      ["INSTANCE_STORAGE_GIB DESC FIRST", "FIELD"],
      ["FIELD", "INSTANCE_REGION DESC", "INSTANCE_STATUS", "INSTANCE_STORAGE_GIB", "AT"],
    ],
    rows: `
      insert into instance_changes (instance_id, field, before, after, at)
      select 1 + n / 50, (enum_range(null::instance_change_field))[1 + n % 3], to_jsonb(n % 2), null, pg_temp.at(n) from generate_series(1, 60) n`,
  },
  generated: null,
};
