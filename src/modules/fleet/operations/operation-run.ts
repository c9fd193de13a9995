/** What a worker knows of an operation that it runs. */
import type { Intent, Poll } from "../../../providers/provider.js";

export interface OperationRun {
  readonly operation: { readonly id: bigint; readonly instanceId: bigint };
  /** What was written before the provider was asked; null where it was not asked. */
  intent: Intent | null;
  /** Why the provider has refused it for now; it counts while there is no intent. */
  refusal?: Extract<Poll, { state: "deferred" }>;
  /** Whether nothing was tried yet. */
  isUntouched: boolean;
}
