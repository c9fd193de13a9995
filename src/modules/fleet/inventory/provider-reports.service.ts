/** Records what providers do by themselves, in the audit log and, where the provider says so, as security events. */
import { randomUUID } from "node:crypto";
import type { AuditService, SecurityService } from "../../../audit/index.js";
import type { Log } from "../../../log.js";
import type { Report } from "../../../providers/deed.js";
import type { Provider } from "../../../providers/provider.js";
import type { InventoryService } from "./inventory.service.js";

export interface ProviderReportsDeps {
  readonly log: Log;
  readonly audit: AuditService;
  readonly security: SecurityService;
  readonly inventory: Pick<InventoryService, "idOf">;
}

export function createProviderReports({ log, audit, security, inventory }: ProviderReportsDeps) {
  return {
    /** @returns a function that records an action of a provider, even while the database is away */
    reportOf(provider: Provider): Report {
      return async (deed) => {
        const { providerId, by, action, result, success, event } = deed;
        const id = await inventory.idOf(provider.name, providerId).catch(() => null);
        const requestId = randomUUID();
        const subject = { provider: provider.name, providerId };
        const record = {
          actor: { type: "system", name: by },
          action,
          resourceId: id === null ? null : String(id),
          parameters: subject,
          result,
          success,
          durationSeconds: null,
          requestId,
        };
        const recordings = [audit.recordNow(record)];
        if (event) {
          const metadata = { ...subject, instanceId: record.resourceId, action, ...result };
          recordings.push(
            security.recordNow({ ...event, origin: { ipAddress: null, userAgent: null, requestId }, metadata }),
          );
        }
        for (const recording of await Promise.allSettled(recordings)) {
          if (recording.status === "rejected")
            log.error({ err: recording.reason, deed }, "what was done to an instance is not recorded");
        }
      };
    },
  };
}
