import { Snapshot } from "../../src/modules/fleet/inventory/inventory.model.js";
import { insertBusyInstance, insertSnapshot } from "../support/fleet-port.js";
import { instance } from "./instance.js";
import { next, type Specimen } from "./specimen.js";

export const snapshot: Specimen = {
  type: Snapshot,
  newestBy: "created_at",
  owner: "everyone",
  references: { instance: { to: instance, column: "instance_id", inverse: "snapshots" } },
  readers: ["VIEWER", "ANALYST", "DBA", "SECURITY", "ADMIN"],
  inDemo: false,
  insert: async (app) => insertSnapshot(app, await insertBusyInstance(app), `specimen-${next()}`),
  paging: {
    orders: [
      ["AUTOMATED DESC"],
      ["INSTANCE_STORAGE_GIB DESC FIRST", "SIZE_BYTES"],
      ["SIZE_BYTES DESC", "AUTOMATED", "STATUS", "CREATED_AT", "ARN DESC"],
    ],
    rows: `
      insert into snapshots (instance_id, identifier, arn, uid, status, size_bytes, tags, automated, created_at)
      select 1 + n / 50, 'p' || n, 'a' || n, 'u' || n, 's' || n % 2, nullif(n % 6, 0) * 1e15, '[]', n % 2 = 0, pg_temp.at(n) from generate_series(1, 60) n`,
  },
  generated: null,
};
