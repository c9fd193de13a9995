/** Fails a cluster over to a named reader. Who is the writer, and the cluster's events, tell whether that was done. */
import { type DBInstance, FailoverDBClusterCommand } from "@aws-sdk/client-rds";
import type { Poll, ProviderFailure } from "../provider.js";
import { listNewerEvents, type SeenEvents, seeEvents } from "./events.js";
import { writerOfCluster } from "./instance-description.js";
import type { RdsInstance } from "./instances.js";
import { isGone, type RdsOperation, type RequestOf, running, undecided } from "./operation.js";

interface FailoverSight {
  readonly cluster: string;
  /** The reader that becomes the writer; null where none is available. */
  readonly target: string | null;
  readonly refusal: ProviderFailure | null;
  readonly events: SeenEvents;
}

/** @returns the instance itself where it is a reader, else the first available reader in the order of promotion */
function targetOf({ instance, group }: RdsInstance): string | null {
  const own = instance.DBInstanceIdentifier ?? "";
  const writer = group && writerOfCluster(group.cluster);
  const isAvailable = ({ DBInstanceStatus: status }: DBInstance) => status === "available";
  if (own !== writer) return isAvailable(instance) ? own : null;
  const readers = [...(group?.members.values() ?? [])].filter(
    (member) => member.DBInstanceIdentifier !== writer && isAvailable(member),
  );
  const [first] = readers.sort(
    (one, other) =>
      (one.PromotionTier ?? 15) - (other.PromotionTier ?? 15) ||
      (one.DBInstanceIdentifier ?? "").localeCompare(other.DBInstanceIdentifier ?? ""),
  );
  return first?.DBInstanceIdentifier ?? null;
}

const NO_READER: ProviderFailure = {
  code: "StandbyUnavailable",
  message: "No reader of the cluster is available to become its writer.",
};

export const clusterFailover: RdsOperation<RequestOf<"REBOOT_INSTANCE">> = {
  async look(scope, _request, found) {
    const cluster = found.group?.cluster.DBClusterIdentifier ?? "";
    const events = await seeEvents(scope, { type: "db-cluster", identifier: cluster });
    const target = targetOf(found);
    const saw: FailoverSight = { cluster, target, refusal: target === null ? NO_READER : null, events };
    return { ...saw };
  },

  ask(scope, _request, saw) {
    const { cluster, target } = saw as unknown as FailoverSight;
    const wanted = { DBClusterIdentifier: cluster, TargetDBInstanceIdentifier: target! };
    return scope.change((client) => client.send(new FailoverDBClusterCommand(wanted)));
  },

  async poll(scope, _request, found, facts): Promise<Poll> {
    if (!found?.group) return isGone();
    const { intent, nowMs } = facts;
    const { cluster, target, events: seen } = intent.saw as unknown as FailoverSight;
    const status = found.group.cluster.Status ?? "unknown";
    const isWriter = writerOfCluster(found.group.cluster) === target;
    if (isWriter && status === "available") {
      const events = await listNewerEvents(scope, { type: "db-cluster", identifier: cluster }, intent, seen, nowMs);
      const began = events.find(({ text }) => /^started .*failover/i.test(text))?.atMs;
      const ended = events.findLast(({ text }) => /^completed .*failover/i.test(text))?.atMs;
      const awaySeconds = began !== undefined && ended !== undefined ? Math.max(0, (ended - began) / 1000) : 0;
      const result = { awaySeconds, failedOver: true, primary: target };
      return { state: "succeeded", resourceStatus: status, message: `${target} is the writer now.`, result };
    }
    if (isWriter || status !== "available") return running(status, "The cluster fails over.");
    return undecided(status, facts, "AWS has taken it, and the writer is still the same.");
  },
};
