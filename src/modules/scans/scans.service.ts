/** Vulnerabilities of one scan, created together. */
import type { Call } from "../../auth/call.js";
import { insertRows } from "../../db/rows.js";
import { limitExceeded } from "../../errors.js";
import { Vulnerability } from "../../model/index.js";
import { checked } from "../../wire/checked.js";
import { type RowsDeps, requireReferences } from "../rows/index.js";
import { MAX_ITEMS, vulnerabilitiesInput } from "./scans.types.js";

export type VulnerabilitiesService = ReturnType<typeof createVulnerabilitiesService>;

export function createVulnerabilitiesService({ db, audit }: RowsDeps) {
  return {
    /** @throws BAD_USER_INPUT with the item's place, LIMIT_EXCEEDED, NOT_FOUND; nothing is created then */
    createMany(call: Call, input: { readonly items: readonly unknown[] }) {
      if (input.items.length > MAX_ITEMS) throw limitExceeded("items", `Give at most ${MAX_ITEMS} items at once.`);
      const { scanId, items } = checked(vulnerabilitiesInput, input);
      return db.transaction(async (db) => {
        await requireReferences(db, Vulnerability, call.actor, { scanId });
        const ids = await insertRows(
          db,
          Vulnerability,
          items.map((item) => ({ ...item, scanId })),
        );
        await audit.record(db, call, { resourceId: scanId, result: { created: ids.length } });
        return { scan: scanId, vulnerabilities: ids };
      });
    },
  };
}
