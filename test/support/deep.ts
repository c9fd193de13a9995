/** How many cases a loop or a generator runs: few in `npm test`, many in `npm run test:deep`. */

/** Whether what takes long runs too: `npm run test:deep` says so. */
export const isDeep = process.env.POSTERN_TESTS === "deep";

/** @returns what to try of a list: all of it, or in the short form the first and every so many after it */
export const some = <T>(all: readonly T[], every: number): T[] => all.filter((_, n) => isDeep || n % every === 0);

/** @returns the number of cases to run: the short form's, or the long form's */
export const cases = (short: number, long: number): number => (isDeep ? long : short);

/**
 * @param kindOf which cases are alike
 * @param turn how many lists came before, such as of other fields that take the same
 * @returns what to try of a list: all of it, or in the short form one of each kind, which is another one with the next turn
 */
export function oneOfEach<T>(all: readonly T[], kindOf: (one: T) => string, turn: number): readonly T[] {
  return isDeep ? all : [...Map.groupBy(all, kindOf).values()].map((alike) => alike[turn % alike.length]!);
}
