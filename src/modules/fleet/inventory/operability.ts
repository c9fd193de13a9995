/** May an operation run on an instance as it is now? One answer for availableOperations, for requests and for the worker. */

import { type AppError, failedPrecondition, productionProtected } from "../../../errors.js";
import type { Member } from "../../../providers/provider.js";
import { ENVIRONMENTS } from "../../../values/environments.js";
import { isOfSnapshot, type OperationType } from "../../../values/operations.js";

/** What the answer depends on. */
export interface Assessed {
  readonly provider: string;
  readonly environment: string;
  readonly status: string;
  readonly multiAz: boolean;
  readonly members: readonly Member[];
  readonly vanishedAt: string | null;
}

/** On its way to be available: what is requested waits until it is. */
export const COMING: readonly string[] = ["creating", "starting"];

/** In which statuses each operation on an instance may be requested. The list of statuses is open: an unknown one allows nothing. */
const STATUSES: Readonly<Record<Exclude<OperationType, "DELETE_SNAPSHOT" | "RESTORE_SNAPSHOT">, ReadonlySet<string>>> =
  {
    CREATE_SNAPSHOT: new Set([...COMING, "available", "storage-optimization", "backing-up", "rebooting", "modifying"]),
    REBOOT_INSTANCE: new Set([...COMING, "available", "backing-up", "rebooting", "modifying"]),
    MODIFY_BACKUP_WINDOW: new Set([
      ...COMING,
      "available",
      "storage-optimization",
      "backing-up",
      "rebooting",
      "modifying",
      "failed",
    ]),
  };

/** Providers that restart, and fail over, an instance that has failed; others take back only what runs. */
const RESTART_FAILED: ReadonlySet<string> = new Set(["local"]);

/** Whether a reboot waits for nothing on an instance: it may be what brings it back. */
export const isRescuable = ({ provider, status }: Pick<Assessed, "provider" | "status">): boolean =>
  RESTART_FAILED.has(provider) && (status === "failed" || status === "starting");

/** An environment that only a newer replica knows is none of them. */
const OPERABLE = new Set<string>(ENVIRONMENTS.filter((environment) => environment !== "PRODUCTION"));

/** @returns whether operations are allowed in an environment at all */
export const isOperable = (environment: string): boolean => OPERABLE.has(environment);

/** @returns why the operation may not run, or null */
export function assess(instance: Assessed, type: OperationType, { forceFailover = false } = {}): AppError | null {
  if (!isOperable(instance.environment)) return productionProtected();
  // A snapshot is there whatever has become of its instance.
  if (isOfSnapshot(type)) return null;
  if (instance.vanishedAt !== null) {
    return failedPrecondition("vanished", "Its provider does not list this instance any more.");
  }
  const isRescue = type === "REBOOT_INSTANCE" && instance.status === "failed" && RESTART_FAILED.has(instance.provider);
  if (!STATUSES[type].has(instance.status) && !isRescue) {
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
