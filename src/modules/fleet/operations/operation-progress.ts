/** Says what a poll adds to the progress of an operation that goes on. */
import type { Poll, ProviderFailure } from "../../../providers/provider.js";

const MAX_STATUS = 64;

/** @returns the provider's status of the resource, as long as its column takes it */
export const resourceStatusOf = ({ resourceStatus }: { readonly resourceStatus: string }): string =>
  resourceStatus.slice(0, MAX_STATUS).toWellFormed();

/** @param fault why nothing was found out, where that is known @returns the entry without its time */
export function progressOf(
  poll: Extract<Poll, { state: "running" | "deferred" | "unknown" }>,
  fault?: ProviderFailure | null,
) {
  if (poll.state === "unknown") {
    const message = fault?.message ?? "The provider does not answer; it is asked again.";
    return { resourceStatus: "unknown", message, percent: null };
  }
  const resourceStatus = resourceStatusOf(poll);
  if (poll.state === "running") return { resourceStatus, message: poll.message, percent: poll.percent };
  return { resourceStatus, message: `${poll.failure.message} It is asked again.`, percent: null };
}
