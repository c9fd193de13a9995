/** How many items a query asks for: checked in each run, for the statement and for its cost. */
import { badUserInput, limitExceeded } from "../errors.js";
import type { Run } from "./compilation.js";
import type { Reference } from "./reference.js";

export type Size = (run: Run) => number;

/**
 * @param most what a query may ask for
 * @param unless what it gets where it asks for nothing
 * @param references `first` and, for pages, `last`
 */
export function sizeOf(
  most: number,
  unless: number,
  references: Readonly<Record<string, Reference | undefined>>,
): Size {
  const getters = Object.entries(references).flatMap(([name, reference]) =>
    reference ? [{ name, get: reference.get }] : [],
  );
  return (run) => {
    const given = getters.flatMap(({ name, get }) => {
      const size = get(run.variables);
      return typeof size === "number" ? [{ name, size }] : [];
    });
    for (const { name, size } of given) {
      if (size < 0) throw badUserInput(name, `\`${name}\` is 0 or more.`);
      if (size > most) throw limitExceeded("pageSize", `Ask for at most ${most} at once.`);
    }
    if (given.length > 1) throw badUserInput("last", "Give `first` or `last`, not both.");
    return given[0]?.size ?? unless;
  };
}
