/** Decides which operations on a member concern its cluster as a whole. */
import type { ProviderCluster } from "../../../providers/provider.js";
import { isOfSnapshot, type OperationType } from "../../../values/operations.js";

/** @returns the cluster that an operation concerns as a whole, or null */
export function clusterOfOperation(
  { cluster }: { readonly cluster: unknown },
  type: OperationType,
  forceFailover: boolean,
): ProviderCluster | null {
  if (isOfSnapshot(type) || (type === "REBOOT_INSTANCE" && !forceFailover)) return null;
  return cluster as ProviderCluster | null;
}
