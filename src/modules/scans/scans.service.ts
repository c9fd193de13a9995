/** Vulnerabilities of one scan, created together. */
import { accessOf } from "../../auth/actor.js";
import type { Call } from "../../auth/call.js";
import { limitExceeded } from "../../errors.js";
import { Vulnerability } from "../../model/index.js";
import { checked } from "../../wire/checked.js";
import { insertReachable, type RowsDeps } from "../rows/index.js";
import { MAX_ITEMS, vulnerabilitiesInput } from "./scans.types.js";

export type VulnerabilitiesService = ReturnType<typeof createVulnerabilitiesService>;

export function createVulnerabilitiesService({ db, audit }: RowsDeps) {
  return {
    /** @throws BAD_USER_INPUT with the item's place, LIMIT_EXCEEDED, NOT_FOUND; nothing is created then */
    createMany(call: Call, input: { readonly items: readonly unknown[] }) {
      if (input.items.length > MAX_ITEMS) throw limitExceeded("items", `Give at most ${MAX_ITEMS} items at once.`);
      const { scanId, items } = checked(vulnerabilitiesInput, input);
      return db.transaction(async (db) => {
        const ids = await insertReachable(
          db,
          Vulnerability,
          accessOf(call.actor),
          items.map((item) => ({ ...item, scanId })),
        );
        await audit.record(db, call, { resourceId: scanId, result: { created: ids.length } });
        return { scan: scanId, vulnerabilities: ids };
      });
    },
  };
}
