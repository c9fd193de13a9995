/** What a selection answers at most in one run. Costs outlive the statement: made here, they hold nothing of it. */
import type { Run } from "./compilation.js";

export interface Amount {
  objects: number;
  /** Of what Postern itself writes between the values: names and punctuation. */
  bytes: number;
}

/** Adds what is answered so many times. */
export type Cost = (run: Run, count: number, amount: Amount) => void;

/** How many there are at most. */
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
  (size: Count, each: Cost): Cost =>
  (run, count, amount) =>
    each(run, count * size(run), amount);

export const listLength =
  (list: (run: Run) => unknown): Count =>
  (run) =>
    (list(run) as unknown[]).length;
