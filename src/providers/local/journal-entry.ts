/** Defines what the journal holds of one operation, and what a poll tells of it. */

import { z } from "zod";
import {
  type OperationRequest,
  type OperationType,
  operationRequestForm,
} from "../../values/operations/declarations.js";
import type { Poll, ProviderFailure, SnapshotDescription } from "../provider.js";
import { tagsForm } from "./forms.js";

export const journalEntryForm = z.object({
  request: operationRequestForm,
  state: z.enum(["running", "succeeded", "failed"]),
  /** What the operation does now, for people. */
  message: z.string(),
  resourceStatus: z.string(),
  /** All moments here are in RFC 3339. */
  startedAt: z.string(),
  endedAt: z.string().nullable(),
  /** Since when a reboot has kept clients out; null before it touches the server. */
  awaySince: z.string().nullable(),
  /** The run of the server that a reboot ends; null where none answered. */
  rebootOf: z.string().nullable(),
  /** The member that a failover makes the primary. */
  failoverTo: z.enum(["a", "b"]).nullable(),
  /** The id of the instance that a restore makes. */
  restoredAs: z.string().nullable().default(null),
  /** What a failover leaves behind, as in its result. */
  left: z
    .object({ lostSlots: z.array(z.string()).readonly(), notCarried: z.array(z.string()).readonly() })
    .nullable()
    .default(null),
  /** Whether a primary that did not answer has handed over all its WAL; null where it answered, or the handover is not done yet. */
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

/** One operation and how far it has come. */
export type JournalEntry = z.infer<typeof journalEntryForm>;

/** The outcome of an operation that succeeded. */
export type EntryOutcome = {
  readonly message: string;
  readonly result: Readonly<Record<string, unknown>>;
  readonly snapshot?: SnapshotDescription;
  /** The status of the resource afterwards; the default is `available`. */
  readonly resourceStatus?: string;
};

export type EntryEnd = EntryOutcome | { readonly failure: ProviderFailure };

/** The status of an instance while an operation runs on it. */
export const STATUS_DURING_ENTRY = {
  CREATE_SNAPSHOT: "backing-up",
  REBOOT_INSTANCE: "rebooting",
  MODIFY_BACKUP_WINDOW: "modifying",
  STOP_INSTANCE: "stopping",
  START_INSTANCE: "starting",
  MODIFY_INSTANCE_CLASS: "modifying",
  SET_INSTANCE_TAGS: "modifying",
  CHANGE_PARAMETER_GROUP: "modifying",
} as const;

/** The status of an operation's resource while it runs. */
const RESOURCE_STATUS: Readonly<Record<OperationType, string>> = {
  ...STATUS_DURING_ENTRY,
  CREATE_SNAPSHOT: "creating",
  DELETE_SNAPSHOT: "deleting",
  RESTORE_SNAPSHOT: "creating",
};

/** @param startedAt RFC 3339 */
export function newJournalEntry(request: OperationRequest, startedAt: string): JournalEntry {
  return {
    request: operationRequestForm.parse(request),
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

/** @param endedAt RFC 3339 @param resourceStatus the status of the resource after a failure */
export function endEntry(entry: JournalEntry, end: EntryEnd, endedAt: string, resourceStatus = "failed"): JournalEntry {
  if ("failure" in end) return { ...entry, state: "failed", endedAt, resourceStatus, failure: end.failure };
  const { message, result, resourceStatus: finalStatus = "available" } = end;
  const snapshot = end.snapshot ? { ...end.snapshot, tags: [...end.snapshot.tags] } : null;
  return { ...entry, state: "succeeded", endedAt, resourceStatus: finalStatus, message, result, snapshot };
}

/** @param percent from 0 to 100, or null where it is not known */
export function pollOfEntry(entry: JournalEntry, percent: number | null): Poll {
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
