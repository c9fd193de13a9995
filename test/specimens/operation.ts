import { Operation } from "../../src/modules/fleet/operations/operations.model.js";
import { insertBusyInstance, insertOperation } from "../support/fleet-port.js";
import { bulkOperation } from "./bulk-operation.js";
import { environmentProposal } from "./environment-proposal.js";
import { instance } from "./instance.js";
import { snapshot } from "./snapshot.js";
import type { Specimen } from "./specimen.js";

export const operation: Specimen = {
  type: Operation,
  newestBy: "requested_at",
  owner: "staff",
  get references(): Specimen["references"] {
    return {
      proposal: { to: environmentProposal, column: "proposal_id", inverse: "operations" },
      bulkOperation: { to: bulkOperation, column: "bulk_operation_id" },
      retryOf: { to: operation, column: "retry_of" },
      instance: {
        to: instance,
        column: "instance_id",
        inverse: "operations",
        shared: (id) =>
          `cluster_key = (select coalesce(cluster ->> 'resourceId', cluster ->> 'arn') from instances where id = ${id})`,
      },
      snapshot: { to: snapshot, column: "snapshot_id" },
    };
  },
  readers: ["DBA", "SECURITY", "ADMIN"],
  inDemo: false,
  insert: async (app) => insertOperation(app, await insertBusyInstance(app)),
  paging: {
    orders: [
      ["SUCCESS"],
      ["SNAPSHOT_AUTOMATED", "SNAPSHOT_SIZE_BYTES DESC FIRST", "STARTED_AT ASC LAST"],
      ["DURATION_SECONDS DESC", "SUCCESS", "TYPE", "ENDED_AT DESC", "STATUS"],
    ],
    rows: `
      insert into operations (type, instance_id, proposal_id, cluster_arn, snapshot_id, parameters, status, success, requested_by, requested_at, started_at, ended_at, duration_seconds)
      select (enum_range(null::operation_type))[1 + n % 3], 1 + n % 3 / 2, case when n % 4 > 0 then 1 end, case when n % 2 = 0 then 'arn:c' end, (select id from snapshots where identifier = 'p' || n % 20), '{}', (array['SUCCEEDED', 'FAILED', 'CANCELLED']::operation_status[])[1 + n % 3],
        nullif(n % 3, 2) = 1, '{}', pg_temp.at(n), case when n % 4 > 0 then pg_temp.at(n % 9) end, case when n % 5 > 0 then pg_temp.at(n % 7) end,
        case when n % 3 > 0 then pg_temp.number(n) end from generate_series(1, 60) n`,
  },
  generated: null,
};
