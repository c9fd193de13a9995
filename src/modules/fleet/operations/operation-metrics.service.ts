/** Figures over operations in spans of time: how many, how well, how fast, what was refused, and what it saves. */
import type { Db } from "../../../db/client.js";
import { badUserInput, limitExceeded } from "../../../errors.js";
import type { OperationType } from "../../../values/operations/declarations.js";
import {
  listOperationFigures,
  listRefusedOperations,
  type MetricsRange,
  type MetricsRows,
  type StoredFigures,
} from "./operation-metrics.store.js";

const DAY_MS = 86_400_000;
const MAX_DAYS = 366;
const MAX_BUCKETS = 400;
const BUCKET_MS: Readonly<Record<string, number>> = {
  HOUR: DAY_MS / 24,
  DAY: DAY_MS,
  WEEK: 7 * DAY_MS,
  MONTH: 28 * DAY_MS,
};

/** Refusals that have a figure of their own. */
const [PRODUCTION, PERMISSION] = ["PRODUCTION_PROTECTED", "FORBIDDEN"];

export interface OperationMetricsDeps {
  readonly db: Db;
  /** The minutes that an operation would take by hand. */
  readonly minutesByHand: (type: OperationType) => number;
}

export type OperationMetricsService = ReturnType<typeof createOperationMetrics>;

/** @throws BAD_USER_INPUT, LIMIT_EXCEEDED */
function requireRange({ from, to, by }: MetricsRange): void {
  const spanMs = Date.parse(to) - Date.parse(from);
  if (spanMs <= 0) throw badUserInput("to", "Give a moment after `from`.");
  if (spanMs > MAX_DAYS * DAY_MS) throw badUserInput("to", `Give a moment at most ${MAX_DAYS} days after \`from\`.`);
  if (spanMs / BUCKET_MS[by]! <= MAX_BUCKETS) return;
  throw limitExceeded("buckets", `Ask for at most ${MAX_BUCKETS} spans of time: a shorter range, or longer spans.`);
}

/** @returns the figures with those that follow from them */
function figuresOf({ bucketStart: _, ...figures }: StoredFigures) {
  const { succeeded, failed, timedOut } = figures;
  const judged = succeeded + failed + timedOut;
  return { ...figures, successRate: judged === 0 ? null : succeeded / judged };
}

export function createOperationMetrics({ db, minutesByHand }: OperationMetricsDeps) {
  return {
    /** @returns the figures of each span with something in it, the earliest first @throws BAD_USER_INPUT, LIMIT_EXCEEDED */
    async list(range: MetricsRange, rows: MetricsRows) {
      requireRange(range);
      const [figures, refusals] = await Promise.all([
        listOperationFigures(db, range, rows),
        listRefusedOperations(db, range),
      ]);
      const starts = [...new Set([...figures, ...refusals].map(({ bucketStart }) => bucketStart))].sort();
      return starts.map((bucketStart) => {
        const [total, ...groups] = figures.filter((each) => each.bucketStart === bucketStart);
        const refused = refusals.filter((each) => each.bucketStart === bucketStart);
        const refusedWith = (code: string) => refused.find((each) => each.code === code)?.count ?? 0;
        const byType = groups.map((group) => {
          const { activeUsers: _, incompleteAudits: __, ...rest } = figuresOf(group);
          return { ...rest, minutesSaved: group.succeeded * minutesByHand(group.type!) };
        });
        return {
          bucketStart,
          ...(total ? figuresOf(total) : NONE),
          minutesSaved: byType.reduce((sum, { minutesSaved }) => sum + minutesSaved, 0),
          productionRefusals: refusedWith(PRODUCTION!),
          permissionRefusals: refusedWith(PERMISSION!),
          otherRefusals: refused
            .filter(({ code }) => code !== PRODUCTION && code !== PERMISSION)
            .map(({ code, count }) => ({ code, count })),
          byType,
        };
      });
    },
  };
}

/** The figures of a span in which nothing was accepted. */
const NONE = {
  ...{ requested: 0, executed: 0, succeeded: 0, failed: 0, timedOut: 0, cancelled: 0, expired: 0 },
  ...{ successRate: null, averageDurationSeconds: null, p95DurationSeconds: null, activeUsers: 0, incompleteAudits: 0 },
};
