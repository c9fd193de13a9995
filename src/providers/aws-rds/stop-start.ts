/** Stops and starts an instance, or the Aurora cluster of a member. The status, and the events since, tell whether that was done. */
import {
  type DBCluster,
  type DBInstance,
  StartDBClusterCommand,
  StartDBInstanceCommand,
  StopDBClusterCommand,
  StopDBInstanceCommand,
} from "@aws-sdk/client-rds";
import type { FailureCode } from "../errors.js";
import type { OperationRequest, Poll, ProviderFailure } from "../provider.js";
import { listNewerEvents, type RdsEventSource, type SeenEvents, seeEvents } from "./events.js";
import { writerOfCluster } from "./instance-description.js";
import type { RdsInstance } from "./instances.js";
import {
  failed,
  isGone,
  isStuck,
  type PollFacts,
  type RdsOperation,
  type RequestOf,
  running,
  undecided,
} from "./operation.js";
import type { AwsScope } from "./scopes.js";

interface StopSight {
  readonly identifier: string;
  readonly cluster: string | null;
  readonly status: string;
  /** Why RDS never stops it; null where it does. RDS itself would say so by the fault that also means that it is busy. */
  readonly refusal: ProviderFailure | null;
  readonly events: SeenEvents;
}

const isAurora = ({ Engine: engine = "" }: DBCluster) => engine.startsWith("aurora");

/** What is stopped and started: the cluster where the instance is a member of one. */
const sourceOf = ({ identifier, cluster }: Pick<StopSight, "identifier" | "cluster">): RdsEventSource =>
  cluster === null ? { type: "db-instance", identifier } : { type: "db-cluster", identifier: cluster };

const statusOf = ({ instance, group }: RdsInstance): string =>
  (group ? group.cluster.Status : instance.DBInstanceStatus) ?? "unknown";

function refusalOfInstance(instance: DBInstance): string | null {
  const { Engine: engine = "", MultiAZ, ReadReplicaSourceDBInstanceIdentifier: source } = instance;
  const replicas = [
    ...(instance.ReadReplicaDBInstanceIdentifiers ?? []),
    ...(instance.ReadReplicaDBClusterIdentifiers ?? []),
  ];
  if (source || instance.ReadReplicaSourceDBClusterIdentifier) return "RDS stops no read replica.";
  if (replicas.length > 0) return `RDS stops no instance that has read replicas: ${replicas.join(", ")}.`;
  return engine.startsWith("sqlserver") && MultiAZ ? "RDS stops no Multi-AZ instance of SQL Server." : null;
}

function refusalOf(type: OperationRequest["type"], { instance, group }: RdsInstance): string | null {
  if (group && !isAurora(group.cluster)) return "RDS stops and starts no clusters but Aurora's.";
  if (type === "START_INSTANCE") return null;
  if (!group) return refusalOfInstance(instance);
  const {
    EngineMode: mode,
    ReplicationSourceIdentifier: source,
    ReadReplicaIdentifiers: replicas = [],
  } = group.cluster;
  if (mode === "serverless") return "RDS stops no cluster of Aurora Serverless v1, which pauses by itself.";
  if (source || replicas.length > 0) return "RDS stops no cluster that replicates across regions.";
  return null;
}

type Wanted = RequestOf<"STOP_INSTANCE" | "START_INSTANCE">;

async function look(scope: AwsScope, { type }: Wanted, found: RdsInstance) {
  const { instance, group } = found;
  const which = {
    identifier: instance.DBInstanceIdentifier ?? "",
    cluster: group?.cluster.DBClusterIdentifier ?? null,
  };
  const events = await seeEvents(scope, sourceOf(which));
  const message = refusalOf(type, found);
  const refusal = message === null ? null : { code: "NotStoppable", message };
  const saw: StopSight = { ...which, status: statusOf(found), refusal, events };
  return { ...saw };
}

/** What it looks like when it is done, in the words of AWS's statuses and events. */
interface End {
  readonly status: string;
  readonly event: RegExp;
  readonly passing: string;
  readonly message: string;
  /** The code where a status from which nothing leads on keeps it from being done. */
  readonly stuck: FailureCode;
  /** The message where the events tell that it was done, and the status that it did not last. */
  readonly overtaken: string;
  readonly result: (at: string, found: RdsInstance, isNow: boolean) => Readonly<Record<string, unknown>>;
}

const STOPPED: End = {
  status: "stopped",
  event: /^DB (instance|cluster) stopped/i,
  passing: "stopping",
  message: "The instance is stopped.",
  stuck: "StopFailed",
  overtaken: "The instance was stopped, and is not any more.",
  result: (stoppedAt, { instance, group }, isNow) => {
    const again = isNow ? (group?.cluster.AutomaticRestartTime ?? instance.AutomaticRestartTime) : undefined;
    return { stoppedAt, startsAgainAt: again?.toISOString() ?? null };
  },
};

const STARTED: End = {
  status: "available",
  event: /^DB (instance|cluster) started/i,
  passing: "starting",
  message: "The instance is available again.",
  stuck: "StartFailed",
  overtaken: "The instance was started, and is not available any more.",
  result: (startedAt, { instance, group }) => ({
    startedAt,
    primary: (group ? writerOfCluster(group.cluster) : instance.DBInstanceIdentifier) ?? null,
  }),
};

/** Does not ask for what is so already. */
async function askUnless(end: End, saw: StopSight, ask: () => Promise<unknown>): Promise<unknown> {
  return saw.status === end.status ? undefined : ask();
}

async function pollUntil(end: End, scope: AwsScope, found: RdsInstance | null, facts: PollFacts): Promise<Poll> {
  const { intent, nowMs } = facts;
  const saw = intent.saw as unknown as StopSight;
  if (!found || (saw.cluster !== null && !found.group)) return isGone();
  const status = statusOf(found);
  if (status === end.passing) return running(status, `The instance is ${status}.`);
  const current = {
    identifier: found.instance.DBInstanceIdentifier ?? saw.identifier,
    cluster: found.group?.cluster.DBClusterIdentifier ?? null,
  };
  const events = await listNewerEvents(scope, sourceOf(current), intent, saw.events, nowMs);
  const told = events.find(({ text }) => end.event.test(text));
  const isNow = status === end.status;
  if (isNow || told) {
    const at = new Date(told?.atMs ?? nowMs).toISOString();
    const message = isNow ? end.message : end.overtaken;
    return { state: "succeeded", resourceStatus: status, message, result: end.result(at, found, isNow) };
  }
  if (isStuck(status) && status !== saw.status)
    return failed(end.stuck, `AWS has it ${status} since. See its events, and mend what they say.`, status);
  return undecided(status, facts, "AWS has taken it, and its status does not tell the end yet.");
}

export const instanceStop: RdsOperation<RequestOf<"STOP_INSTANCE">> = {
  look,
  ask(scope, _request, sight) {
    const saw = sight as unknown as StopSight;
    return askUnless(STOPPED, saw, () =>
      scope.change(
        (client): Promise<unknown> =>
          saw.cluster === null
            ? client.send(new StopDBInstanceCommand({ DBInstanceIdentifier: saw.identifier }))
            : client.send(new StopDBClusterCommand({ DBClusterIdentifier: saw.cluster })),
      ),
    );
  },
  poll: (scope, _request, found, facts) => pollUntil(STOPPED, scope, found, facts),
};

export const instanceStart: RdsOperation<RequestOf<"START_INSTANCE">> = {
  look,
  ask(scope, _request, sight) {
    const saw = sight as unknown as StopSight;
    return askUnless(STARTED, saw, () =>
      scope.change(
        (client): Promise<unknown> =>
          saw.cluster === null
            ? client.send(new StartDBInstanceCommand({ DBInstanceIdentifier: saw.identifier }))
            : client.send(new StartDBClusterCommand({ DBClusterIdentifier: saw.cluster })),
      ),
    );
  },
  poll: (scope, _request, found, facts) => pollUntil(STARTED, scope, found, facts),
};
