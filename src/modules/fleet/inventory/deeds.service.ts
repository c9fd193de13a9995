/** What a provider does by itself, for the record: in the audit log as of the system, and where it says so as a security event. */
import { randomUUID } from "node:crypto";
import type { AuditService, SecurityService } from "../../../audit/index.js";
import type { Log } from "../../../log.js";
import type { Provider, Report } from "../../../providers/provider.js";
import type { InventoryService } from "./inventory.service.js";

export interface DeedsDeps {
  readonly log: Log;
  readonly audit: AuditService;
  readonly security: SecurityService;
  readonly inventory: Pick<InventoryService, "idOf">;
}

export function createDeeds({ log, audit, security, inventory }: DeedsDeps) {
  return {
    /** How deeds of a provider are written down: also while the database is away. */
    reportOf(provider: Provider): Report {
      return async (deed) => {
        const { providerId, by, action, result, success, event } = deed;
        const id = await inventory.idOf(provider.name, providerId).catch(() => null);
        const requestId = randomUUID();
        const about = { provider: provider.name, providerId };
        const record = {
          actor: { type: "system", name: by },
          action,
          resourceId: id === null ? null : String(id),
          parameters: about,
          result,
          success,
          durationSeconds: null,
          requestId,
        };
        const kept = [audit.recordNow(record)];
        if (event) {
          const metadata = { ...about, instanceId: record.resourceId, action, ...result };
          kept.push(
            security.recordNow({ ...event, origin: { ipAddress: null, userAgent: null, requestId }, metadata }),
          );
        }
        for (const one of await Promise.allSettled(kept)) {
          if (one.status === "rejected")
            log.error({ err: one.reason, deed }, "what was done to an instance is not recorded");
        }
      };
    },
  };
}
