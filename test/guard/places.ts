/** Where each file of src belongs that does not lie there yet. Whoever moves files deletes their line. */

/** The beginning of a path below src, and what stands there once its files have moved. The first that fits counts. */
export const PLACES: readonly (readonly [from: string, to: string])[] = [];

export const placeFor = (file: string) => PLACES.find(([from]) => file.startsWith(from));

/** @returns the path of a file once it has moved: what rules and exceptions name, so that moves leave them alone */
export function home(file: string): string {
  const [from, to] = placeFor(file) ?? ["", ""];
  return to + file.slice(from.length);
}
