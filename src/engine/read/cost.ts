/** Counts what a selection answers at most in one run. Plans keep these functions; made here, they hold nothing of the statement. */
import type { Run } from "./compilation.js";

export interface Amount {
  objects: number;
  /** The bytes that Postern itself writes between the values: names and punctuation. */
  bytes: number;
}

/** Adds to the amount what a part of the answer takes that occurs `count` times. */
export type Cost = (run: Run, count: number, amount: Amount) => void;

/** Returns how many items a run answers at most. */
type Count = (run: Run) => number;

export function amountOf(cost: Cost, run: Run): Amount {
  const amount = { objects: 0, bytes: 0 };
  cost(run, 1, amount);
  return amount;
}

export const oneObject: Cost = (_run, count, amount) => {
  amount.objects += count;
};

export const writing =
  (bytes: number): Cost =>
  (_run, count, amount) => {
    amount.bytes += count * bytes;
  };

export const sum =
  (costs: readonly Cost[]): Cost =>
  (run, count, amount) => {
    for (const cost of costs) cost(run, count, amount);
  };

export const times =
  (size: Count, itemCost: Cost): Cost =>
  (run, count, amount) =>
    itemCost(run, count * size(run), amount);

export const listLength =
  (list: (run: Run) => unknown): Count =>
  (run) =>
    (list(run) as unknown[]).length;
