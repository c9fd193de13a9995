/** Reboots an instance, with or without a failover to its other zone. Its events tell whether that was done. */
import { RebootDBInstanceCommand } from "@aws-sdk/client-rds";
import type { Poll } from "../provider.js";
import { listNewerEvents, type RdsEvent, type SeenEvents, seeEvents } from "./events.js";
import { isGone, type RdsOperation, type RequestOf, running, undecided } from "./operation.js";

interface RebootSight {
  readonly identifier: string;
  readonly zone: string | null;
  readonly standbyZone: string | null;
  readonly events: SeenEvents;
}

const BEGAN = /shutdown|failover started/i;
const RESTARTED = /restarted/i;
const FAILED_OVER = /failover.* completed/i;

/** @returns how long it was away, as far as AWS's events tell */
function awaySecondsOf(events: readonly RdsEvent[], askedAt: string): number {
  const began = events.find(({ text }) => BEGAN.test(text))?.atMs ?? Date.parse(askedAt);
  const ended = events.findLast(({ text }) => RESTARTED.test(text))?.atMs ?? began;
  return Math.max(0, (ended - began) / 1000);
}

export const reboot: RdsOperation<RequestOf<"REBOOT_INSTANCE">> = {
  async look(scope, _request, { instance }) {
    const identifier = instance.DBInstanceIdentifier ?? "";
    const saw: RebootSight = {
      identifier,
      zone: instance.AvailabilityZone ?? null,
      standbyZone: instance.SecondaryAvailabilityZone ?? null,
      events: await seeEvents(scope, { type: "db-instance", identifier }),
    };
    return { ...saw };
  },

  ask: (scope, { forceFailover }, saw) =>
    scope.change((client) =>
      client.send(
        new RebootDBInstanceCommand({
          DBInstanceIdentifier: (saw as unknown as RebootSight).identifier,
          ...(forceFailover && { ForceFailover: true }),
        }),
      ),
    ),

  async poll(scope, { forceFailover }, found, facts): Promise<Poll> {
    if (!found) return isGone();
    const { intent, asked, nowMs } = facts;
    const saw = intent.saw as unknown as RebootSight;
    const status = found.instance.DBInstanceStatus ?? "unknown";
    if (status === "rebooting") {
      asked.wasBusy = true;
      return running(status, "AWS reboots the instance.");
    }
    const identifier = found.instance.DBInstanceIdentifier ?? saw.identifier;
    const events = await listNewerEvents(scope, { type: "db-instance", identifier }, intent, saw.events, nowMs);
    const isRestarted = asked.wasBusy || events.some(({ text }) => RESTARTED.test(text));
    const isSwapped = saw.standbyZone !== null && found.instance.AvailabilityZone === saw.standbyZone;
    // AWS may lose an event. The zones alone tell nothing, as those of an earlier failover may show late.
    const failedOver =
      events.some(({ text }) => FAILED_OVER.test(text)) ||
      (forceFailover && isSwapped && (isRestarted || asked.isAcknowledged));
    const isDone = forceFailover ? failedOver : isRestarted;
    if (isDone && status === "available") {
      const result = {
        awaySeconds: awaySecondsOf(events, intent.askedAt),
        failedOver,
        // AWS may show the zones minutes later.
        primary: (failedOver ? saw.standbyZone : saw.zone) ?? identifier,
      };
      return { state: "succeeded", resourceStatus: status, message: "The instance is available again.", result };
    }
    if (isDone) return running(status, "The instance has restarted, and is not available yet.");
    return undecided(status, facts, "AWS has taken it, and its events do not tell the end yet.");
  },
};
