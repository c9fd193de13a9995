/** What is known of one operation: as the journal holds it, and as a poll tells it. */

import { z } from "zod";
import type { OperationType } from "../../values/operations.js";
import type { OperationRequest, Poll, ProviderFailure, SnapshotDescription } from "../provider.js";
import { tagsForm } from "./instances.js";

const requestForm = z.discriminatedUnion("type", [
  z.object({
    operationId: z.string(),
    providerId: z.string(),
    type: z.literal("CREATE_SNAPSHOT"),
    snapshotId: z.string(),
    // Whatever was asked for; whether it may be is for the operation to say.
    tags: z.array(z.object({ key: z.string(), value: z.string() })),
    automated: z.boolean(),
  }),
  z.object({
    operationId: z.string(),
    providerId: z.string(),
    type: z.literal("REBOOT_INSTANCE"),
    forceFailover: z.boolean(),
    acceptSlotLoss: z.boolean().optional(),
    automatic: z.boolean().optional(),
  }),
  z.object({
    operationId: z.string(),
    providerId: z.string(),
    type: z.literal("MODIFY_BACKUP_WINDOW"),
    backupWindow: z.string(),
    applyImmediately: z.boolean(),
  }),
  z.object({
    operationId: z.string(),
    providerId: z.string(),
    type: z.literal("DELETE_SNAPSHOT"),
    snapshotId: z.string(),
    snapshotUid: z.string().optional(),
  }),
  z.object({
    operationId: z.string(),
    providerId: z.string(),
    type: z.literal("RESTORE_SNAPSHOT"),
    snapshotId: z.string(),
    snapshotUid: z.string().optional(),
    identifier: z.string(),
    tags: z.array(z.object({ key: z.string(), value: z.string() })),
    backupWindow: z.string().nullable(),
    maintenanceWindow: z.string().nullable(),
    backupRetentionDays: z.number().nullable(),
  }),
]);

export const journalEntryForm = z.object({
  request: requestForm,
  state: z.enum(["running", "succeeded", "failed"]),
  /** What is being done, for people. */
  message: z.string(),
  resourceStatus: z.string(),
  /** RFC 3339, as all moments here. */
  startedAt: z.string(),
  endedAt: z.string().nullable(),
  /** Since when a reboot has kept clients out. */
  awaySince: z.string().nullable(),
  /** The server that a reboot replaces; null where none answered. */
  rebootOf: z.string().nullable(),
  /** To whom a failover goes. */
  failoverTo: z.enum(["a", "b"]).nullable(),
  /** The id of the instance that a restore makes. */
  restoredAs: z.string().nullable().default(null),
  /** What a failover leaves behind, as its result tells it. */
  left: z
    .object({ lostSlots: z.array(z.string()).readonly(), notCarried: z.array(z.string()).readonly() })
    .nullable()
    .default(null),
  /** Whether a primary that did not answer has handed over all its WAL; null where it answered, or before. */
  isHanded: z.boolean().nullable().default(null),
  result: z.record(z.string(), z.unknown()).nullable(),
  snapshot: z
    .object({
      identifier: z.string(),
      arn: z.string(),
      status: z.string(),
      sizeBytes: z.number().nullable(),
      createdAt: z.string(),
      tags: tagsForm,
      automated: z.boolean(),
    })
    .nullable(),
  failure: z.object({ code: z.string(), message: z.string() }).nullable(),
});

/** One operation, as far as it has come. */
export type JournalEntry = z.infer<typeof journalEntryForm>;

/** How an operation ended well. */
export type TaskOutcome = {
  readonly message: string;
  readonly result: Readonly<Record<string, unknown>>;
  readonly snapshot?: SnapshotDescription;
  /** What became of what it worked on; `available` unless given. */
  readonly resourceStatus?: string;
};

export type End = TaskOutcome | { readonly failure: ProviderFailure };

/** The status of an instance on which an operation runs. */
export const INSTANCE_STATUS = {
  CREATE_SNAPSHOT: "backing-up",
  REBOOT_INSTANCE: "rebooting",
  MODIFY_BACKUP_WINDOW: "modifying",
} as const;

/** The status of what an operation works on. */
const RESOURCE_STATUS: Readonly<Record<OperationType, string>> = {
  ...INSTANCE_STATUS,
  CREATE_SNAPSHOT: "creating",
  DELETE_SNAPSHOT: "deleting",
  RESTORE_SNAPSHOT: "creating",
};

/** @param startedAt RFC 3339 */
export function newJournalEntry(request: OperationRequest, startedAt: string): JournalEntry {
  return {
    request: requestForm.parse(request),
    state: "running",
    message: "Accepted.",
    resourceStatus: RESOURCE_STATUS[request.type],
    startedAt,
    endedAt: null,
    awaySince: null,
    rebootOf: null,
    failoverTo: null,
    restoredAs: null,
    left: null,
    isHanded: null,
    result: null,
    snapshot: null,
    failure: null,
  };
}

/** @param endedAt RFC 3339 @param resourceStatus what became of the resource of an operation that failed */
export function ended(entry: JournalEntry, end: End, endedAt: string, resourceStatus = "failed"): JournalEntry {
  if ("failure" in end) return { ...entry, state: "failed", endedAt, resourceStatus, failure: end.failure };
  const { message, result, resourceStatus: last = "available" } = end;
  const snapshot = end.snapshot ? { ...end.snapshot, tags: [...end.snapshot.tags] } : null;
  return { ...entry, state: "succeeded", endedAt, resourceStatus: last, message, result, snapshot };
}

/** @param percent 0 to 100 where known */
export function pollOf(entry: JournalEntry, percent: number | null): Poll {
  const { state, message, resourceStatus, result, snapshot, failure } = entry;
  const { operationId } = entry.request;
  switch (state) {
    case "running":
      return { state, resourceStatus, message, percent };
    case "succeeded":
      return {
        state,
        resourceStatus,
        message,
        result: result ?? {},
        ...(snapshot && { snapshot: { ...snapshot, uid: operationId } }),
      };
    case "failed":
      return { state, resourceStatus, failure: failure ?? { code: "InternalFailure", message } };
  }
}
