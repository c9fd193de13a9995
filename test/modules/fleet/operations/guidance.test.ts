/** What people read of a failure, whichever type of operation ended with it. */
import { expect, it } from "vitest";
import { guidanceFor } from "../../../../src/modules/fleet/operations/guidance.js";
import { OPERATION_TYPES } from "../../../../src/values/operations/declarations.js";

it.each(["DBSnapshotNotFound", "InvalidDBSnapshotState", "DBInstanceNotFound", "InvalidDBInstanceState", "NoSign"])(
  "%s has guidance of its own for each type",
  (code) => {
    for (const type of OPERATION_TYPES) expect(guidanceFor(type, code), type).not.toBe(guidanceFor(type, "Unheard"));
  },
);
