/** Counts what a selection answers at most in one run. Plans keep these functions; made here, they hold nothing of the statement. */
import { limitExceeded } from "../../errors.js";
import type { CompilationRun } from "./compilation.js";

interface CostAmount {
  objects: number;
  /** The bytes that Postern itself writes between the values: names and punctuation. */
  bytes: number;
}

/** Adds to the amount what a part of the answer takes that occurs `count` times. */
export type Cost = (run: CompilationRun, count: number, amount: CostAmount) => void;

/** Returns how many items a run answers at most. */
type Count = (run: CompilationRun) => number;

export function costAmountOf(cost: Cost, run: CompilationRun): CostAmount {
  const amount = { objects: 0, bytes: 0 };
  cost(run, 1, amount);
  return amount;
}

export const costOfObject: Cost = (_run, count, amount) => {
  amount.objects += count;
};

export const costOfBytes =
  (bytes: number): Cost =>
  (_run, count, amount) => {
    amount.bytes += count * bytes;
  };

export const costSum =
  (costs: readonly Cost[]): Cost =>
  (run, count, amount) => {
    for (const cost of costs) cost(run, count, amount);
  };

export const costTimes =
  (size: Count, itemCost: Cost): Cost =>
  (run, count, amount) =>
    itemCost(run, count * size(run), amount);

export const costListLength =
  (list: (run: CompilationRun) => unknown): Count =>
  (run) =>
    (list(run) as unknown[]).length;

/** @throws LIMIT_EXCEEDED where a request could answer more than `max` objects */
export function requireObjectsAtMost(max: number, objects: number): void {
  if (objects <= max) return;
  const message = `This could answer ${objects} objects; at most ${max} are allowed. Ask for smaller pages.`;
  throw limitExceeded("cost", message);
}
