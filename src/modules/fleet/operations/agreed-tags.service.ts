/** Queues the tags on which two administrators have agreed, with the audit record of the request. */
import type { AuditService } from "../../../audit/index.js";
import type { Db } from "../../../db/client.js";
import { setInstanceTags } from "../../../values/operations/set-instance-tags.js";
import type { AgreedTags } from "../inventory/index.js";
import type { Acceptance } from "./acceptance.service.js";

export interface AgreedTagsDeps {
  readonly audit: Pick<AuditService, "recordFor">;
  readonly acceptance: Acceptance;
}

/** @returns a function that joins the caller's transaction, which holds the lock of environments; it returns the id of the operation */
export const createAgreedTags =
  ({ audit, acceptance }: AgreedTagsDeps) =>
  async (db: Db, { proposalId, instanceId, author, confirmedBy, requestId, loosens, ...change }: AgreedTags) => {
    const instance = await acceptance.lock(db, setInstanceTags, String(instanceId));
    const asked = { declaration: setInstanceTags, input: { ...change, runAt: null }, agreed: loosens };
    const { id, recorded } = await acceptance.accept(db, asked, instance, {
      requestedBy: author,
      requestId,
      proposalId,
    });
    await audit.recordFor(db, {
      actor: author as Record<string, string>,
      action: "operation.requested",
      resourceId: id,
      parameters: { ...recorded, proposalId: String(proposalId), confirmedBy },
      result: null,
      success: true,
      durationSeconds: 0,
      requestId,
    });
    return id;
  };
