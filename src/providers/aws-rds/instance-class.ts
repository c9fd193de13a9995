/** Changes the class of an instance, or of one member of an Aurora cluster. Its class, what waits, and the events since tell whether that was done. */
import { ModifyDBInstanceCommand } from "@aws-sdk/client-rds";
import type { Poll, ProviderFailure } from "../provider.js";
import { listNewerEvents, type RdsEventSource, type SeenEvents, seeEvents } from "./events.js";
import type { RdsInstance } from "./instances.js";
import {
  endWithoutSign,
  failed,
  isGone,
  isStuck,
  mayAskAgain,
  noModificationsIsDone,
  type PollFacts,
  type RdsOperation,
  type RequestOf,
  running,
  undecided,
} from "./operation.js";
import type { AwsScope } from "./scopes.js";

interface ClassSight {
  readonly identifier: string;
  readonly status: string;
  /** Why its class is not its own; null where it is. */
  readonly refusal: ProviderFailure | null;
  readonly events: SeenEvents;
}

type Wanted = RequestOf<"MODIFY_INSTANCE_CLASS">;

const sourceOf = (identifier: string): RdsEventSource => ({ type: "db-instance", identifier });

const BEGAN = /applying modification to DB instance class/i;

const refusalOf = ({ group }: RdsInstance): ProviderFailure | null =>
  group && !group.cluster.Engine?.startsWith("aurora")
    ? {
        code: "NotSupported",
        message: "The members of a Multi-AZ cluster have the class of their cluster. Change it in AWS.",
      }
    : null;

export const instanceClassChange: RdsOperation<Wanted> = {
  async look(scope, _request, found) {
    const identifier = found.instance.DBInstanceIdentifier ?? "";
    const saw: ClassSight = {
      identifier,
      status: found.instance.DBInstanceStatus ?? "unknown",
      refusal: refusalOf(found),
      events: await seeEvents(scope, sourceOf(identifier)),
    };
    return { ...saw };
  },

  async ask(scope, { instanceClass, applyImmediately }, sight) {
    const { identifier } = sight as unknown as ClassSight;
    const wanted = { DBInstanceIdentifier: identifier, DBInstanceClass: instanceClass };
    return noModificationsIsDone(
      scope.change((client) =>
        client.send(new ModifyDBInstanceCommand({ ...wanted, ...(applyImmediately && { ApplyImmediately: true }) })),
      ),
    );
  },

  async poll(scope, { instanceClass, applyImmediately }, found, facts): Promise<Poll> {
    if (!found) return isGone();
    const { asked, intent } = facts;
    const saw = intent.saw as unknown as ClassSight;
    const { instance } = found;
    const status = instance.DBInstanceStatus ?? "unknown";
    const isBusy = status === "modifying" || status === "rebooting";
    if (isBusy) asked.wasBusy = true;
    const pendingClass = instance.PendingModifiedValues?.DBInstanceClass ?? null;
    const has = instance.DBInstanceClass === instanceClass;
    if (has && !isBusy) return doneAs(status, instanceClass, pendingClass);
    if (!applyImmediately && pendingClass === instanceClass)
      return doneAs(status, instance.DBInstanceClass ?? null, pendingClass);
    if (isStuck(status) && status !== saw.status) return failedAs(status);
    if (has || isBusy) return endWithoutSign(status, facts) ?? running(status, "AWS changes the class.");
    return (await isAskable(scope, instance.DBInstanceIdentifier ?? saw.identifier, facts, saw))
      ? { state: "unknown" }
      : undecided(status, facts, "AWS has taken it, and shows nothing of it yet.");
  },
};

/** Whether AWS would show by now that it was asked: then it may be asked again, which changes nothing twice. */
async function isAskable(scope: AwsScope, identifier: string, facts: PollFacts, saw: ClassSight): Promise<boolean> {
  const { asked, intent, nowMs } = facts;
  if (asked.wasBusy || !mayAskAgain(facts)) return false;
  const events = await listNewerEvents(scope, sourceOf(identifier), intent, saw.events, nowMs);
  return !events.some(({ text }) => BEGAN.test(text));
}

const doneAs = (resourceStatus: string, instanceClass: string | null, pendingInstanceClass: string | null): Poll => ({
  state: "succeeded",
  resourceStatus,
  message:
    pendingInstanceClass === null
      ? `The class is ${instanceClass}.`
      : `The class becomes ${pendingInstanceClass} in the maintenance window.`,
  result: { instanceClass, pendingInstanceClass },
});

const failedAs = (status: string): Poll =>
  status === "insufficient-capacity"
    ? failed("InsufficientDBInstanceCapacity", "AWS has no server of this class in the zone now.", status)
    : failed("StartFailed", `AWS has it ${status} since. See its events, and mend what they say.`, status);
