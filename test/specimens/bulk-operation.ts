import { BulkOperation } from "../../src/modules/fleet/operations/bulk-operations.model.js";
import { inserted, type Specimen } from "./specimen.js";

export const bulkOperation: Specimen = {
  type: BulkOperation,
  newestBy: "requested_at",
  owner: "staff",
  get references(): Specimen["references"] {
    return { retryOf: { to: bulkOperation, column: "retry_of" } };
  },
  readers: ["DBA", "SECURITY", "ADMIN"],
  inDemo: false,
  insert: (app) =>
    inserted(
      app,
      `bulk_operations (type, input, stop_at_first_failure, status, requested_by, ended_at)
       values ('REBOOT_INSTANCE', '{}', false, 'ENDED', '{"type": "user", "id": "1"}', now())`,
    ),
  paging: {
    orders: [
      ["STATUS"],
      ["ENDED_AT ASC LAST", "TYPE DESC"],
      ["STOP_AT_FIRST_FAILURE DESC", "ENDED_AT DESC", "STATUS", "TYPE", "ID"],
    ],
    parent: "1",
    rows: `
      insert into bulk_operations (type, input, stop_at_first_failure, status, requested_by, requested_at, ended_at)
      select (enum_range(null::operation_type))[1 + n % 3], '{}', n % 2 = 0, (array['RUNNING', 'ENDED']::bulk_operation_status[])[1 + n % 2], '{}',
        pg_temp.at(n), case when n % 4 > 0 then pg_temp.at(n % 9) end
      from generate_series(1, 60) n`,
  },
  generated: null,
};
