/** Says what a poll adds to the progress of an operation that goes on. */
import type { Poll } from "../../../providers/provider.js";

/** @returns the entry without its time */
export function progressOf(poll: Extract<Poll, { state: "running" | "deferred" | "unknown" }>) {
  if (poll.state === "unknown")
    return { resourceStatus: "unknown", message: "The provider does not answer; it is asked again.", percent: null };
  const { resourceStatus } = poll;
  if (poll.state === "running") return { resourceStatus, message: poll.message, percent: poll.percent };
  return { resourceStatus, message: `${poll.failure.message} It is asked again.`, percent: null };
}
