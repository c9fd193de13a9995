/** Decides whether an operation may run on an instance now: the same for availableOperations, for requests and for the worker. */

import { type AppError, failedPrecondition, productionProtected } from "../../../errors.js";
import type { ProviderMember } from "../../../providers/member.js";
import { ENVIRONMENTS } from "../../../values/environments.js";
import { isOfSnapshot, type OperationType } from "../../../values/operations.js";

/** The part of an instance that the decision needs. */
export interface OperabilityFacts {
  readonly provider: string;
  readonly environment: string;
  readonly status: string;
  readonly multiAz: boolean;
  readonly members: readonly ProviderMember[];
  readonly vanishedAt: string | null;
  readonly scopeRemoved: boolean;
}

/** In these statuses an instance will soon be available. Operations are accepted, and wait until it is. */
export const STARTING_STATUSES: readonly string[] = ["creating", "starting"];

type StatusesByOperation = Readonly<
  Record<Exclude<OperationType, "DELETE_SNAPSHOT" | "RESTORE_SNAPSHOT">, ReadonlySet<string>>
>;

/** The statuses in which each operation may be requested. Providers may have other statuses, which allow nothing. */
const STATUSES: StatusesByOperation = {
  CREATE_SNAPSHOT: new Set([
    ...STARTING_STATUSES,
    "available",
    "storage-optimization",
    "backing-up",
    "rebooting",
    "modifying",
  ]),
  REBOOT_INSTANCE: new Set([...STARTING_STATUSES, "available", "backing-up", "rebooting", "modifying"]),
  MODIFY_BACKUP_WINDOW: new Set([
    ...STARTING_STATUSES,
    "available",
    "storage-optimization",
    "backing-up",
    "rebooting",
    "modifying",
    "failed",
  ]),
};

/** What RDS takes. Its backup window changes in every status in which the instance runs. */
const STATUSES_OF_RDS: StatusesByOperation = {
  CREATE_SNAPSHOT: new Set(["available", "storage-optimization"]),
  REBOOT_INSTANCE: new Set(["available"]),
  MODIFY_BACKUP_WINDOW: new Set([
    ...["available", "backing-up", "configuring-enhanced-monitoring", "configuring-iam-database-auth"],
    ...["configuring-log-exports", "converting-to-vpc", "maintenance", "modifying", "moving-to-vpc", "rebooting"],
    ...["renaming", "resetting-master-credentials", "storage-full", "storage-initialization", "storage-optimization"],
    ...["upgrading"],
  ]),
};

const statusesOf = (provider: string): StatusesByOperation => (provider === "aws-rds" ? STATUSES_OF_RDS : STATUSES);

/** The providers that can reboot and fail over a failed instance. Others can reboot only a running one. */
const RESTART_FAILED: ReadonlySet<string> = new Set(["local"]);

/** @returns whether a reboot may bring the instance back, so that it must not wait */
export const isOperableForRescue = ({ provider, status }: Pick<OperabilityFacts, "provider" | "status">): boolean =>
  RESTART_FAILED.has(provider) && (status === "failed" || status === "starting");

/** An environment that only a newer replica knows is not among them, and so not operable. */
const OPERABLE = new Set<string>(ENVIRONMENTS.filter((environment) => environment !== "PRODUCTION"));

/** @returns whether operations are allowed in an environment at all */
export const isOperable = (environment: string): boolean => OPERABLE.has(environment);

/** @returns the reason why the operation may not run, or null where it may */
export function assessOperability(
  instance: OperabilityFacts,
  type: OperationType,
  { forceFailover = false } = {},
): AppError | null {
  if (!isOperable(instance.environment)) return productionProtected();
  if (instance.scopeRemoved && instance.vanishedAt === null) {
    return failedPrecondition(
      "not configured",
      "The account and region of this instance are configured no more, so nobody knows what became of it.",
    );
  }
  // Operations on a snapshot do not need its instance.
  if (isOfSnapshot(type)) return null;
  if (instance.vanishedAt !== null) {
    return failedPrecondition("vanished", "Its provider does not list this instance any more.");
  }
  const isRescue = type === "REBOOT_INSTANCE" && instance.status === "failed" && RESTART_FAILED.has(instance.provider);
  if (!statusesOf(instance.provider)[type].has(instance.status) && !isRescue) {
    return failedPrecondition(instance.status, `This instance is ${instance.status}. Try again when it is available.`);
  }
  if (forceFailover && !(instance.multiAz && instance.members.some(({ role }) => role === "STANDBY"))) {
    return failedPrecondition(
      "no standby",
      "This instance has no standby to fail over to. Reboot without forceFailover.",
    );
  }
  return null;
}
