/** Sums of what several parts name: each name stands once. */

/**
 * @param what is named, for people
 * @throws where two parts give one name
 */
export function sum<T>(what: string, parts: readonly Readonly<Record<string, T>>[]): Record<string, T> {
  const all: Record<string, T> = {};
  for (const part of parts) {
    for (const [name, value] of Object.entries(part)) {
      if (Object.hasOwn(all, name)) throw new Error(`the ${what} ${name} is given twice`);
      all[name] = value;
    }
  }
  return all;
}
