/** How many objects a selection answers at most in one run. Costs outlive the statement: made here, they hold nothing of it. */
import type { Getter, Run } from "./compilation.js";

export type Cost = (run: Run) => number;

export const one: Cost = () => 1;

export const sum =
  (costs: readonly Cost[]): Cost =>
  (run) =>
    costs.reduce((total, cost) => total + cost(run), 0);

export const times =
  (count: Cost, each: Cost): Cost =>
  (run) =>
    count(run) * each(run);

export const lengthOf =
  (list: Getter): Cost =>
  (run) =>
    (list(run) as unknown[]).length;
