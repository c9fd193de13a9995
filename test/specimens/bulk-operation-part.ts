import { BulkOperationPart } from "../../src/modules/fleet/operations/bulk-parts.model.js";
import { insertBusyInstance, insertOperation } from "../support/fleet-port.js";
import { bulkOperation } from "./bulk-operation.js";
import { instance } from "./instance.js";
import { operation } from "./operation.js";
import { inserted, type Specimen } from "./specimen.js";

export const bulkOperationPart: Specimen = {
  type: BulkOperationPart,
  newestBy: "id",
  owner: "staff",
  references: {
    bulkOperation: { to: bulkOperation, column: "bulk_operation_id", inverse: "parts" },
    instance: { to: instance, column: "instance_id" },
    operation: { to: operation, column: "operation_id" },
  },
  readers: ["DBA", "SECURITY", "ADMIN"],
  inDemo: false,
  async insert(app) {
    const instanceId = await insertBusyInstance(app);
    const bulkId = await bulkOperation.insert(app);
    const operationId = await insertOperation(app, instanceId);
    return inserted(
      app,
      `bulk_operation_parts (bulk_operation_id, instance_id, operation_id, status) values (${bulkId}, ${instanceId}, ${operationId}, 'WAITING')`,
    );
  },
  paging: {
    orders: [
      ["CODE"],
      ["OPERATION_STATUS", "CODE DESC FIRST"],
      ["CODE", "STATUS DESC", "MESSAGE ASC LAST", "INSTANCE_ID", "ID"],
    ],
    rows: `
      insert into bulk_operation_parts (bulk_operation_id, instance_id, status, operation_id, code, message)
      select 1 + n / 2, 1 + n % 2, (array['REFUSED', 'SKIPPED']::bulk_part_status[])[1 + n % 2], null,
        (array['CONFLICT', 'FAILED_PRECONDITION', null])[1 + n % 3], case when n % 4 > 0 then 'm' || n % 5 end
      from generate_series(0, 59) n`,
  },
  generated: null,
};
