/** Merges what the modules contribute by name, such as rules and variables. */

/**
 * @param what the kind of thing that is named, for the error
 * @throws Error where two parts give the same name
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
