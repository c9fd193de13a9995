/** Defines what the parts of the local provider share: its folders, and how it runs PostgreSQL. */

import { totalmem } from "node:os";
import type { Log } from "../../log.js";
import { type ClusterSettings } from "../../postgres/cluster.js";
import { lastComplaintInLog, withoutSecretsOfLog } from "../../postgres/log-tail.js";
import type { OsUser } from "../../postgres/os-user.js";
import type { LocalParameterGroups } from "../../values/parameter-groups.js";
import type { Report } from "../deed.js";
import type { LocalInstance } from "./instance-file.js";
import type { Instances } from "./instances.js";

export type LocalHostLimits = {
  /** How many manual snapshots there may be in all. */
  readonly manualSnapshots: number;
  /** No copy leaves less than this free on the disk. */
  readonly minFreeBytes: number;
  /** A server that takes longer than this counts as not answering. */
  readonly answerTimeoutMs: number;
  /** How long a member that does not answer may take to shut down before it is killed. */
  readonly shutdownTimeoutMs: number;
  /** How long a standby may take to replay what its primary had when a failover was requested. */
  readonly catchUpTimeoutMs: number;
  /** No running server is restarted with less than this free on its disk, as it might not come back. */
  readonly restartFreeBytes: number;
  /** From when on a transaction counts as old. */
  readonly oldTransactionMs: number;
  /** How much memory the servers of all instances may have by their classes. */
  readonly memoryMiB: number;
};

const MIB = 1024 * 1024;
export const DEFAULT_LOCAL_HOST_LIMITS: LocalHostLimits = {
  manualSnapshots: 100,
  minFreeBytes: 256 * MIB,
  answerTimeoutMs: 2_500,
  shutdownTimeoutMs: 3_000,
  catchUpTimeoutMs: 10_000,
  restartFreeBytes: 32 * MIB,
  oldTransactionMs: 60_000,
  // A container may have less than its host.
  memoryMiB: Math.floor(Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY) / MIB),
};

export type Host = {
  readonly instances: Instances;
  readonly bin: string;
  readonly user: OsUser;
  /** PostgreSQL parameters on top of the provider's own. */
  readonly settings: ClusterSettings;
  /** Whether clusters and copies must survive a power failure. */
  readonly isSynced: boolean;
  readonly limits: LocalHostLimits;
  /** The parameter groups that are configured, by name. */
  readonly parameterGroups: LocalParameterGroups;
  readonly log: Log;
  readonly clock: { now(): Date };
  /** Records what the provider does to an instance by itself. */
  readonly report: Report;
  /**
   * Why a member could not be started or built, by the name of its processes, and what is wrong with a configuration, by its key;
   * for people, without secrets.
   */
  readonly faults: Map<string, string>;
  /** The backup windows that are being applied, by instance, so that each is applied once. */
  readonly applying: Map<string, Promise<LocalInstance | null>>;
};

const MAX_FAULT = 1_000;

/** @returns the reason of an error for people, in PostgreSQL's own words, without secrets */
export function hostFaultText(error: unknown): string {
  const text = withoutSecretsOfLog((error as Error).message);
  return (lastComplaintInLog(text.split("\n")) ?? text).slice(0, MAX_FAULT).toWellFormed();
}

/** @returns the options of every copy of a cluster on this host */
export function hostCopyOptions(host: Host, signal: AbortSignal) {
  return { owner: host.user, signal, minFreeBytes: host.limits.minFreeBytes };
}
