/** The GraphQL types of the plan of an operation. */
import { Field, Float, ID, Int, ObjectType } from "type-graphql";
import { embeddedType, enumTypeOf } from "../../../engine/types/object-type.js";
import { DateTime } from "../../../engine/types/scalars.js";
import { EnvironmentClassification, OperationType } from "../inventory/index.js";
import { Outage, PLANNED_CALLS, PLANNED_OUTAGE } from "./operation-plan.model.js";
import { PLAN_CLASHES } from "./plan-clashes.js";

const PlanClashKind = enumTypeOf("PlanClashKind", PLAN_CLASHES, "What lies near the beginning of an operation.", {
  BACKUP_WINDOW: "The backup window of the instance is open, or within 30 minutes.",
  MAINTENANCE_WINDOW: "The maintenance window of the instance is open, or within 30 minutes.",
  OPERATION: "Another operation on the same account or host waits, runs, or begins within an hour.",
});

@ObjectType({ description: "Something near the beginning of an operation that people should look at first." })
export class PlannedClash {
  @Field(() => PlanClashKind as never, { description: "What it is." })
  kind!: string;
  @Field(() => String, { description: "The window or the operation, as a sentence for people." })
  detail!: string;
  @Field(() => ID, { nullable: true, description: "The other operation; null where it is none." })
  operationId!: string | null;
}

@ObjectType({
  description: "How many manual snapshots there are in the account and region, as the inventory knows them.",
})
export class PlannedSnapshotQuota {
  @Field(() => Int, { description: "Those of instances, or of clusters where it is one. AWS Backup's do not count." })
  used!: number;
  @Field(() => Int, { description: "What RDS allows, unless it was raised." })
  limit!: number;
}

@ObjectType({ description: "What goes on in an instance now. It is shown, and decides nothing." })
export class PlannedFigures {
  @Field(() => Int, { description: "Sessions of clients that run a statement." })
  activeSessions!: number;
  @Field(() => Int, { description: "Transactions of clients that are older than a minute." })
  oldTransactions!: number;
  @Field(() => Int, { description: "Transactions that are prepared, and neither committed nor rolled back." })
  preparedTransactions!: number;
  @Field(() => Float, {
    nullable: true,
    description: "The bytes of WAL that the standby which is furthest behind has not replayed; null without one.",
  })
  replicationLagBytes!: number | null;
  @Field(() => Float, {
    nullable: true,
    description: "The seconds by which it is behind; null where that is not known.",
  })
  replicationLagSeconds!: number | null;
}

@ObjectType({
  description: "How long operations of this type took the last ten times that they succeeded on the instance.",
})
export class PlannedLastRuns {
  @Field(() => Int, { description: "How many there are, at most 10." })
  count!: number;
  @Field(() => Float, { nullable: true, description: "The average; null where there is none." })
  averageSeconds!: number | null;
  @Field(() => Float, { nullable: true, description: "The longest; null where there is none." })
  longestSeconds!: number | null;
}

@ObjectType({
  description: "What would become of a request for an operation. Making it changes nothing, and leaves no record.",
})
export class OperationPlan {
  @Field(() => OperationType as never, { description: "The type of the operation." })
  type!: string;
  @Field(() => embeddedType(EnvironmentClassification), { description: "What the instance counts as, and why." })
  environment!: unknown;
  @Field(() => String, { description: "The status of the instance. One that passes is waited for." })
  status!: string;
  @Field(() => DateTime, { nullable: true, description: "When it would begin; null where it would begin at once." })
  runAt!: string | null;
  @Field(() => Float, { description: "How long it would be watched at most, in seconds; then it is TIMED_OUT." })
  watchedSeconds!: number;
  @Field(() => Outage as never, {
    nullable: true,
    description: `${PLANNED_OUTAGE} Null where it is refused before that is known.`,
  })
  outage!: string | null;
  @Field(() => String, { nullable: true, description: "Why the outage is what it is." })
  outageReason!: string | null;
  @Field(() => [String], { description: PLANNED_CALLS })
  calls!: readonly string[];
  @Field(() => [String], { description: "What people should know of it beside that." })
  warnings!: readonly string[];
  @Field(() => PlannedSnapshotQuota, {
    nullable: true,
    description: "Of a snapshot on RDS the quota; null for everything else.",
  })
  snapshotQuota!: PlannedSnapshotQuota | null;
}
