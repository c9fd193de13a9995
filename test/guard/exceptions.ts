/**
 * What layers.test.ts forbids and is there all the same. A line is deleted with its offence, or follows it to another
 * file; none is added.
 */

/** Paths are those of places.ts, where files will lie, so that moving one leaves its line as it is. */
export const FORBIDDEN_IMPORTS: readonly string[] = [
  "audit/folder.ts imports postgres/durability.ts",
  "config.ts imports modules/fleet/inventory/local-instances.ts",
];

export const CIRCLES: readonly string[] = [];
