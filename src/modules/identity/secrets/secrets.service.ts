/** Seals secrets anew with the newest key, so that older keys are needed no more. */

import type { Call } from "../../../audit/call.js";
import type { AuditService } from "../../../audit/index.js";
import type { SealedColumn } from "../../../auth/sealed-column.js";
import { type Sealing, SealingError } from "../../../auth/sealing.js";
import type { Db } from "../../../db/client.js";
import { failedPrecondition } from "../../../errors.js";
import { listSealedOtherwise, replaceSealed } from "./secrets.store.js";

export interface SecretsDeps {
  readonly db: Db;
  readonly audit: Pick<AuditService, "record">;
  readonly sealing: Sealing;
  /** All that the database keeps sealed. */
  readonly sealedColumns: readonly SealedColumn[];
}

export type SecretsService = ReturnType<typeof createSecretsService>;

/** Rows that are read at once. */
const BATCH = 100;

export function createSecretsService({ db, audit, sealing, sealedColumns }: SecretsDeps) {
  /** What another call seals anew meanwhile is its own. */
  async function resealColumn(db: Db, column: SealedColumn): Promise<number> {
    let resealed = 0;
    let after: string | undefined;
    for (;;) {
      const rows = await listSealedOtherwise(db, column, sealing.prefix, after, BATCH);
      after = rows.at(-1)?.id;
      if (after === undefined) return resealed;
      for (const row of rows) {
        const place = column.placeOf(row.id);
        const anew = sealing.seal(sealing.open(row.sealed, place), place);
        if (await replaceSealed(db, column, row, anew)) resealed += 1;
      }
    }
  }

  return {
    /**
     * @param keyId the key that the caller wants, where that was said
     * @throws FAILED_PRECONDITION where this replica seals with another key, or lacks an older one
     */
    async rotate(call: Call, keyId: string | undefined): Promise<{ keyId: string; resealed: number }> {
      if (keyId !== undefined && keyId !== sealing.keyId)
        throw failedPrecondition(
          "keyId",
          `This replica seals with the key ${sealing.keyId}. Restart all replicas with the new key first in SECRETS_KEY, then call again.`,
        );
      try {
        return await db.transaction(async (db) => {
          let resealed = 0;
          for (const column of sealedColumns) resealed += await resealColumn(db, column);
          const result = { keyId: sealing.keyId, resealed };
          await audit.record(db, call, { result });
          return result;
        });
      } catch (error) {
        if (error instanceof SealingError) throw failedPrecondition("key", error.message, error);
        throw error;
      }
    },
  };
}
