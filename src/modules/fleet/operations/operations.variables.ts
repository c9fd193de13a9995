/** The environment variables of operations: how they are polled, how late they may begin, and whether missed backups are taken later. */

import { z } from "zod";
import { ofProvider } from "../../../values/operations/declaration.js";
import {
  declarationOfOperation,
  OPERATION_TYPES,
  type OperationType,
} from "../../../values/operations/declarations.js";
import { countVariable, flagVariable, jsonVariable, variables } from "../../../values/variables.js";

import type { BulkParallel } from "./bulk-parallel.js";

/** How often a provider is asked about an operation, and how many times. */
export interface OperationPolling {
  readonly intervalMs: number;
  readonly attempts: number;
}

/** Both are asked for 5 minutes: AWS every 30 seconds, and the local provider every second. */
const DEFAULT_POLLING: Readonly<Record<string, OperationPolling>> = {
  "aws-rds": { intervalMs: 30_000, attempts: 10 },
  local: { intervalMs: 1000, attempts: 300 },
};

function defaultPolling(provider: string, type: OperationType): OperationPolling {
  const usual = DEFAULT_POLLING[provider] ?? { intervalMs: 30_000, attempts: 10 };
  const { watchedSeconds: byProvider } = declarationOfOperation(type);
  const watchedSeconds = byProvider && ofProvider(byProvider, provider);
  return watchedSeconds === undefined
    ? usual
    : { ...usual, attempts: Math.ceil((watchedSeconds * 1000) / usual.intervalMs) };
}

const pollingText = jsonVariable.pipe(
  z.record(
    z.string(),
    z.partialRecord(
      z.enum(OPERATION_TYPES),
      z.strictObject({
        intervalMs: z.number().int().min(100).max(600_000),
        attempts: z.number().int().min(1).max(1000),
      }),
    ),
  ),
);

const minutesByHandText = jsonVariable.pipe(
  z.partialRecord(z.enum(OPERATION_TYPES), z.number().int().min(0).max(10_000)),
);
const parallel = z.number().int().min(1).max(500);

export const operationsVariables = variables(
  {
    BACKUP_CATCH_UP: flagVariable
      .prefault("true")
      .describe("Whether a backup that was missed in its window is taken after it, as soon as that is possible."),
    BULK_PARALLEL: jsonVariable
      .pipe(
        z.strictObject({
          account: parallel.default(10),
          host: parallel.default(2),
          fleet: parallel.default(20),
        }),
      )
      .prefault("{}")
      .describe(
        "How many operations of bulk operations are under way at once, as JSON: in one `account` (10), on one `host` (2; instances of AWS are on none of ours) and in the `fleet` (20).",
      ),
    OPERATION_MAX_LATENESS_MINUTES: countVariable(1, 1440)
      .prefault("15")
      .describe("How many minutes after its time a scheduled operation may still begin; later it becomes EXPIRED."),
    OPERATION_MINUTES_BY_HAND: minutesByHandText
      .prefault("{}")
      .describe("How many minutes an operation would take by hand, as JSON by operation type, for `minutesSaved`."),
    OPERATION_POLLING: pollingText
      .prefault("{}")
      .describe("How operations are polled, as JSON: provider, operation type, `intervalMs` and `attempts`."),
  },
  ({
    BACKUP_CATCH_UP,
    BULK_PARALLEL,
    OPERATION_MAX_LATENESS_MINUTES,
    OPERATION_MINUTES_BY_HAND,
    OPERATION_POLLING,
  }) => ({
    minutesByHand: (type: OperationType): number =>
      OPERATION_MINUTES_BY_HAND[type] ?? declarationOfOperation(type).minutesByHand,
    backupCatchUp: BACKUP_CATCH_UP,
    bulkParallel: BULK_PARALLEL as BulkParallel,
    maxLatenessMinutes: OPERATION_MAX_LATENESS_MINUTES,
    polling: (provider: string, type: OperationType): OperationPolling =>
      OPERATION_POLLING[provider]?.[type] ?? defaultPolling(provider, type),
  }),
);
