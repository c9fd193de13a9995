/** Decides whether an operation may run on an instance now: the same for availableOperations, for requests and for the worker. */
import { type AppError, failedPrecondition, productionProtected } from "../../errors.js";
import { isOperableEnvironment } from "../environments.js";
import { type OperabilityFacts, ofProvider } from "./declaration.js";
import { declarationOfOperation, type OperationType } from "./declarations.js";

/** @returns whether a reboot may bring the instance back, so that it must not wait */
export function isOperableForRescue({ provider, status }: Pick<OperabilityFacts, "provider" | "status">): boolean {
  const { statuses } = declarationOfOperation("REBOOT_INSTANCE");
  const ofProvider = Object.entries(statuses ?? {}).find(([name]) => name === provider)?.[1];
  return (status === "failed" || status === "starting") && ofProvider?.has("failed") === true;
}

function statusesOf(provider: string, type: OperationType): ReadonlySet<string> | null {
  const { statuses } = declarationOfOperation(type);
  return statuses && ofProvider(statuses, provider);
}

/** @returns what to do instead of cancelling an operation that its provider has begun; null where the provider can end it */
export const insteadOfCancelling = (provider: string, type: OperationType): string | null =>
  ofProvider(declarationOfOperation(type).insteadOfCancelling, provider);

/**
 * @param isLater whether it is to run at another time, so that the status of now does not matter
 * @returns the reason why the operation may not run, or null where it may
 */
export function assessOperability(instance: OperabilityFacts, type: OperationType, isLater = false): AppError | null {
  if (!isOperableEnvironment(instance.environment)) return productionProtected();
  if (instance.scopeRemoved && instance.vanishedAt === null) {
    return failedPrecondition(
      "not configured",
      "The account and region of this instance are configured no more, so nobody knows what became of it.",
    );
  }
  const statuses = statusesOf(instance.provider, type);
  // Operations on a snapshot do not need its instance.
  if (!statuses) return null;
  if (instance.vanishedAt !== null) {
    return failedPrecondition("vanished", "Its provider does not list this instance any more.");
  }
  const { status } = instance;
  if (isLater || statuses.has(status)) return null;
  const awaited = statuses.has("available") ? "available" : [...statuses].join(" or ");
  const remedy = status === "stopped" ? "Start it first." : `Try again when it is ${awaited}.`;
  return failedPrecondition(status, `This instance is ${status}. ${remedy}`);
}
