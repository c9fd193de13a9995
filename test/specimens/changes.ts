/** The mutations of a specimen's type: their names, good inputs and what they answer. */
import { next, oneOf, type Specimen, type Verb, type Writes } from "./specimen.js";

export interface Written extends Specimen {
  readonly writes: Writes;
}

export const isWritten = (specimen: Specimen): specimen is Written => specimen.writes !== undefined;

const capital = (name: string) => name.charAt(0).toUpperCase() + name.slice(1);

export const pluralName = ({ type }: Specimen): string => capital(type.plural);

/** One mutation of a type. */
export interface Change {
  readonly name: string;
  readonly verb: Verb;
  readonly specimen: Written;
}

/** @returns the mutations of a type; an upsert only where it has a unique key */
export function changesOf(specimen: Written): Change[] {
  const { name, uniqueKey } = specimen.type;
  const names = pluralName(specimen);
  const all: [Verb, string][] = [
    ["create", `create${name}`],
    ["createMany", `create${names}`],
    ["update", `update${name}`],
    ["updateMany", `update${names}`],
    ["delete", `delete${name}`],
    ["deleteMany", `delete${names}`],
    ...(uniqueKey ? [["upsert", `upsert${name}`] as [Verb, string]] : []),
  ];
  return all.map(([verb, name]) => ({ name, verb, specimen }));
}

/** @returns what says whose a new row will be @param to the key of the row it will belong to */
export const withinOf = ({ writes: { within } }: Written, to = within?.own): Record<string, unknown> =>
  within ? { [within.field]: to } : {};

/** @returns a creation of so many rows, each of them within its own of these keys */
export function manyOf(specimen: Written, keys: readonly (string | undefined)[]): Record<string, unknown> {
  const { create, within } = specimen.writes;
  if (within?.shared) return { ...withinOf(specimen, keys.at(-1)), items: keys.map(() => create(next())) };
  return { items: keys.map((key) => ({ ...withinOf(specimen, key), ...create(next()) })) };
}

/** @returns a good input @param ids rows that are there to be changed @param items how many are created at once */
export function inputOf({ verb, specimen }: Change, ids: readonly string[], items = 1): Record<string, unknown> {
  const { create, changes } = specimen.writes;
  const matching = { filter: { id: { in: ids } }, expectedCount: ids.length };
  switch (verb) {
    case "create":
    case "upsert":
      return { ...withinOf(specimen), ...create(next()) };
    case "createMany":
      return manyOf(specimen, Array(items).fill(undefined));
    case "update":
      return { id: ids[0], version: 1, ...changes };
    case "updateMany":
      return { ...matching, changes };
    case "delete":
      return { id: ids[0] };
    case "deleteMany":
      return matching;
  }
}

/** @returns a selection of the payload */
export function payloadOf({ verb, specimen }: Change): string {
  const { name, plural } = specimen.type;
  switch (verb) {
    case "create":
    case "update":
      return `${oneOf(specimen)} { id }`;
    case "upsert":
      return `${oneOf(specimen)} { id } created`;
    case "createMany":
    case "updateMany":
      return `${plural} { id }`;
    case "delete":
      return `deleted${name}Id`;
    case "deleteMany":
      return `deleted${name}Ids`;
  }
}

/** @returns what its changed fields become, as they are answered */
export const changedOf = ({ writes }: Written, n: number): Record<string, unknown> => ({
  ...writes.created(n),
  ...writes.changes,
});
