/** Decides whether an operation may run on an instance now: the same for availableOperations, for requests and for the worker. */
import { type AppError, failedPrecondition, productionProtected } from "../../errors.js";
import { isOperableEnvironment } from "../environments.js";
import { type ByProvider, type OperabilityFacts, ofProvider } from "./declaration.js";
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
  const { status, provider } = instance;
  if (isLater || statuses.has(status)) return null;
  return failedPrecondition(status, `This instance is ${status}. ${remedyOf(provider, type, status)}`);
}

const RESTORE = "Restore one of its snapshots as a new instance.";
const ANEW = "Delete it in AWS, and restore its snapshot again.";
const GIVE_KEY_BACK = "Let RDS use its KMS key again, and start it, in AWS.";

/** What to do where an instance stays in its status until somebody does that; other statuses pass by themselves. */
const REMEDIES: Readonly<Record<string, string | ByProvider<string>>> = {
  failed: { local: "Reboot it: that starts its servers again.", "aws-rds": RESTORE },
  stopped: "Start it first.",
  stopping: "Start it once it is stopped.",
  deleting: RESTORE,
  "inaccessible-encryption-credentials": RESTORE,
  "inaccessible-encryption-credentials-recoverable": GIVE_KEY_BACK,
  "incompatible-network": "Correct its subnets and addresses in AWS.",
  "incompatible-option-group": "Give it another option group in AWS.",
  "incompatible-parameters": "Give it another parameter group in AWS, and reboot it there.",
  "incompatible-restore": ANEW,
  "insufficient-capacity": "Give it another class or zone in AWS.",
  "restore-error": ANEW,
  "storage-full": "Give it more storage in AWS.",
};

/** @returns what to do about a status in which the operation may not run, as a sentence */
export function remedyOf(provider: string, type: OperationType, status: string): string {
  const { remedies } = declarationOfOperation(type);
  const usual = remedies?.[status] ?? REMEDIES[status] ?? remedies?.other ?? "Try again when it is available.";
  return typeof usual === "string" ? usual : ofProvider(usual, provider);
}
