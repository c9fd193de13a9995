/** Decides when an operation begins that is not to run at once. */
import { badUserInput } from "../../../errors.js";
import { maintenanceWindowOf, nextWindowStart } from "../../../values/windows.js";

const MAX_DAYS = 90;
const DAY_MS = 86_400_000;

export interface RunAtInput {
  readonly runAt?: string | null | undefined;
  readonly inMaintenanceWindow?: boolean | null | undefined;
}

/** Whether the input asks for a time. @throws BAD_USER_INPUT, field `runAt`, where it asks for two */
export function hasRunAt({ runAt, inMaintenanceWindow }: RunAtInput): boolean {
  const isGiven = (runAt ?? null) !== null;
  if (isGiven && inMaintenanceWindow) {
    throw badUserInput("runAt", "Give either runAt or inMaintenanceWindow: an operation begins once.");
  }
  return isGiven || inMaintenanceWindow === true;
}

/**
 * @param window the maintenance window that counts for the operation; null where there is none
 * @param now by the database's clock
 * @returns when the operation begins
 * @throws BAD_USER_INPUT, field `runAt` or `inMaintenanceWindow`
 */
export function requireRunAt({ runAt }: RunAtInput, window: string | null, now: Date): string {
  if ((runAt ?? null) === null) {
    const parsed = window === null ? null : maintenanceWindowOf(window);
    if (parsed) return nextWindowStart(parsed, now).toISOString();
    throw badUserInput("inMaintenanceWindow", "This instance has no maintenance window: give runAt instead.");
  }
  const aheadMs = Date.parse(runAt as string) - now.getTime();
  if (aheadMs < 0) {
    throw badUserInput(
      "runAt",
      `This moment is past, as it is ${now.toISOString()} now: give a later one, or leave it out to begin at once.`,
    );
  }
  if (aheadMs > MAX_DAYS * DAY_MS) {
    const last = new Date(now.getTime() + MAX_DAYS * DAY_MS).toISOString();
    throw badUserInput("runAt", `This moment is more than ${MAX_DAYS} days ahead: give one until ${last}.`);
  }
  return runAt as string;
}
