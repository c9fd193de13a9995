/** Restores snapshots as instances of their own. Name and tag tell whose the new instance and cluster are. Each step is asked for by an intent of its own. */
import type { DBCluster } from "@aws-sdk/client-rds";
import { INSTANCE_IDENTIFIER } from "../../values/identifiers.js";
import { OperationFailureError } from "../errors.js";
import type { AskedRestore, InstanceDescription, Poll } from "../provider.js";
import { listNewerEvents, type RdsEventSource, type SeenEvents, seeEvents } from "./events.js";
import { rdsProviderId, rdsTags } from "./instance-description.js";
import { findRdsCluster, findRdsInstanceNamed, type RdsInstance } from "./instances.js";
import { type SeenSnapshot, seeNamedSnapshot } from "./named-snapshot.js";
import { endWithoutSign, failed, type PollFacts, type RdsOperation, type RequestOf, running } from "./operation.js";
import { hasTagOfOperation, isMadeByOperation } from "./operation-tag.js";
import { awsCodeOf } from "./refusals.js";
import { createMember, restoreCluster, restoreInstance, type SourceFacts, sourceFactsOf } from "./restore-calls.js";
import type { AwsScope } from "./scopes.js";

type Restore = RequestOf<"RESTORE_SNAPSHOT">;

/** What is asked for next: an instance of its own; of Aurora a cluster, and when that is there its instance. */
type Step = "instance" | "cluster" | "member";

interface RestoreSight {
  readonly snapshot: SeenSnapshot;
  readonly source: SourceFacts;
  readonly step: Step;
  /** Those of earlier instances and clusters of the name. */
  readonly events: SeenEvents;
  readonly unfinished?: string;
}

/** A restore of an operation with the same number, of another Postern, is older. Both steps of one take less. */
const OLDEST_MS = 6 * 60 * 60_000;
const FAILED = /^(failed|incompatible-.*|restore-error|insufficient-capacity|inaccessible-.*)$/;
const GONE = /^delet(ing|ed)$/;
const DELETED = /delet/i;
const EXISTS = /^DB(Instance|Cluster)AlreadyExists/;
const SUFFIX = "-cluster";
const IDENTIFIER_FORM =
  "An instance identifier has 1 to 63 letters, digits and hyphens, begins with a letter, and has no hyphen at its end and no two in a row.";

/** @returns the name of the new cluster of a new instance */
const clusterNameOf = (identifier: string) => `${identifier.slice(0, 63 - SUFFIX.length).replace(/-$/, "")}${SUFFIX}`;

const isAurora = (engine: string) => engine.startsWith("aurora");

const sinceOf = (atMs: number) => atMs - OLDEST_MS;

const isOurCluster = (cluster: DBCluster, operationId: string, sinceMs: number) =>
  isMadeByOperation(
    { tags: rdsTags(cluster.TagList), createdAt: cluster.ClusterCreateTime ?? null },
    operationId,
    sinceMs,
  );

const isOurInstance = ({ instance }: RdsInstance, operationId: string, sinceMs: number) =>
  isMadeByOperation(
    { tags: rdsTags(instance.TagList), createdAt: instance.InstanceCreateTime ?? null },
    operationId,
    sinceMs,
  );

/** Implements Provider.isRestoredBy. A person may add the instance to a cluster that was restored, under any name. */
export function isRestoredBy(
  { identifier, tags, cluster }: Pick<InstanceDescription, "identifier" | "tags" | "cluster">,
  restore: AskedRestore,
): boolean {
  const isOurs = (made: Pick<InstanceDescription, "identifier" | "tags">, name: string) =>
    made.identifier.toLowerCase() === name.toLowerCase() && hasTagOfOperation(made.tags, restore.operationId);
  const isOurCluster = cluster !== null && isOurs(cluster, clusterNameOf(restore.identifier));
  return isOurCluster || isOurs({ identifier, tags }, restore.identifier);
}

const sourceOfStep = (identifier: string, step: Step): RdsEventSource =>
  step === "cluster"
    ? { type: "db-cluster", identifier: clusterNameOf(identifier).toLowerCase() }
    : { type: "db-instance", identifier: identifier.toLowerCase() };

/** @param isCertain whether AWS has nothing of it, no cluster either, and will not have */
const withoutTrace = (poll: Poll, isCertain: boolean): Poll =>
  poll.state === "failed" && isCertain ? { ...poll, isNothingMade: true } : poll;

/** The end of what is to be made and is not there: it was deleted; else it is on its way, or may be asked for again: a name is given once. */
async function pollAbsent(scope: AwsScope, { identifier }: Restore, step: Step, facts: PollFacts): Promise<Poll> {
  const { events: seen } = facts.intent.saw as unknown as RestoreSight;
  const events = await listNewerEvents(scope, sourceOfStep(identifier, step), facts.intent, seen, facts.nowMs);
  if (events.some(({ text }) => DELETED.test(text))) {
    const gone = failed("DBInstanceNotFound", "What was restored was deleted meanwhile.", "deleted");
    return withoutTrace(gone, step !== "member");
  }
  const end = endWithoutSign("unknown", facts);
  if (end && step === "member") return leftAlone(identifier);
  return end ?? (facts.asked.isAcknowledged ? running("creating", "AWS has begun it.") : { state: "unknown" });
}

const clusterAlone = (identifier: string): string =>
  `The cluster ${clusterNameOf(identifier)} is restored, and has no instance yet. Add one to it in AWS, or delete it there.`;

const leftAlone = (identifier: string): Poll => failed("NoSign", clusterAlone(identifier));

const alreadyExists = (what: string): Poll =>
  failed("DBInstanceAlreadyExists", `Another ${what} exists in this account and region, whatever its case.`);

async function pollCluster(scope: AwsScope, request: Restore, facts: PollFacts): Promise<Poll> {
  const { identifier, operationId } = request;
  const name = clusterNameOf(identifier);
  const { step } = facts.intent.saw as unknown as RestoreSight;
  const cluster = await findRdsCluster(scope, name);
  if (!cluster) return pollAbsent(scope, request, "cluster", facts);
  if (!isOurCluster(cluster, operationId, sinceOf(Date.parse(facts.intent.askedAt))))
    return withoutTrace(alreadyExists(`cluster ${name}`), step === "cluster");
  const status = cluster.Status ?? "unknown";
  if (FAILED.test(status))
    return failed("InvalidDBClusterStateFault", `The new cluster ${name} is ${status}. Delete it in AWS.`, status);
  if (GONE.test(status)) return failed("DBInstanceNotFound", "What was restored was deleted meanwhile.", status);
  if (step === "member") return pollAbsent(scope, request, "member", facts);
  if (status !== "available") return running(status, "AWS restores the cluster.");
  return endWithoutSign(status, facts) ? leftAlone(identifier) : { state: "unknown" };
}

export const snapshotRestore: RdsOperation<Restore, RdsInstance | null> = {
  async look(scope, request, found, nowMs) {
    const { identifier, operationId, snapshotId } = request;
    if (!INSTANCE_IDENTIFIER.test(identifier)) {
      return { snapshot: await seeNamedSnapshot(scope, request, found) };
    }
    const source = sourceFactsOf(found);
    const made = await findRdsCluster(scope, clusterNameOf(identifier));
    const isOurs = made && isOurCluster(made, operationId, sinceOf(nowMs));
    const known = await seeNamedSnapshot(scope, request, found);
    // Once the cluster is restored, its snapshot is not needed any more.
    const ofCluster = { engine: made?.Engine ?? "", engineVersion: made?.EngineVersion ?? "", isOfCluster: true };
    const snapshot = isOurs ? { ...ofCluster, identifier: snapshotId, uid: known?.uid ?? "" } : known;
    if (!snapshot) return { snapshot: null };
    const aurora: Step = isOurs ? "member" : "cluster";
    const step: Step = snapshot.isOfCluster && isAurora(snapshot.engine) ? aurora : "instance";
    const events = await seeEvents(scope, sourceOfStep(identifier, step));
    const left = step === "member" && { unfinished: clusterAlone(identifier) };
    return { ...({ snapshot, source, step, events, ...left } satisfies RestoreSight) };
  },

  async ask(scope, request, saw) {
    const { identifier } = request;
    if (!INSTANCE_IDENTIFIER.test(identifier))
      throw new OperationFailureError("InvalidParameterValue", IDENTIFIER_FORM);
    const { snapshot, source, step } = saw as unknown as RestoreSight;
    const cluster = clusterNameOf(identifier);
    if (step === "cluster" && (await findRdsInstanceNamed(scope, identifier)))
      throw new OperationFailureError("DBInstanceAlreadyExists", `An instance ${identifier} exists already.`);
    const asked: Promise<unknown> =
      step === "instance"
        ? restoreInstance(scope, request, snapshot, source)
        : step === "cluster"
          ? restoreCluster(scope, request, snapshot, source, cluster)
          : createMember(scope, request, snapshot.engine, source, cluster);
    await asked.catch((error) => {
      // It may be the one of an earlier question, of which nobody has heard: the poll looks whose it is.
      if (EXISTS.test(awsCodeOf(error) ?? "")) return;
      throw error;
    });
  },

  async poll(scope, request, _found, facts): Promise<Poll> {
    const { identifier, operationId, snapshotId } = request;
    const { step } = facts.intent.saw as unknown as RestoreSight;
    if (!INSTANCE_IDENTIFIER.test(identifier)) return failed("InvalidParameterValue", IDENTIFIER_FORM);
    const made = await findRdsInstanceNamed(scope, identifier);
    if (!made) {
      if (step === "instance") return pollAbsent(scope, request, "instance", facts);
      return pollCluster(scope, request, facts);
    }
    if (!isOurInstance(made, operationId, sinceOf(Date.parse(facts.intent.askedAt))))
      return withoutTrace(alreadyExists(`instance ${identifier}`), step === "instance");
    const status = made.instance.DBInstanceStatus ?? "unknown";
    if (FAILED.test(status)) return failed("InvalidDBInstanceState", `The new instance is ${status}.`, status);
    if (GONE.test(status)) return failed("DBInstanceNotFound", "What was restored was deleted meanwhile.", status);
    if (status !== "available") return running(status, "AWS makes the instance.");
    const providerId = rdsProviderId(scope, made.id);
    const name = made.instance.DBInstanceIdentifier ?? identifier;
    const message = `The snapshot ${snapshotId} is restored as ${name}.`;
    return {
      state: "succeeded",
      resourceStatus: status,
      message,
      result: { snapshotId, identifier: name, providerId },
    };
  },
};
