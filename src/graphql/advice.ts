/** Tells clients what they can write instead of what was refused: the values of an enum, or the fields of an input. */
import { type GraphQLSchema, isEnumType, isInputObjectType } from "graphql";

/** How messages about values and fields name their type. */
const NAMED = /"(\w+)" enum|not defined by type "(\w+)"|of the type (\w+)|^(\w+) has no such field/;

/** A longer list is in the schema. */
const MOST_NAMES = 30;

/** @returns a sentence to add to a message, or an empty text where its type has nothing to choose from */
export function adviceOn(message: string, schema: GraphQLSchema): string {
  const name = NAMED.exec(message)?.slice(1).find(Boolean);
  const type = name === undefined ? undefined : schema.getType(name);
  const names = isEnumType(type)
    ? type.getValues().map((value) => value.name)
    : isInputObjectType(type)
      ? Object.keys(type.getFields())
      : [];
  if (names.length === 0) return "";
  const shown = names.slice(0, MOST_NAMES).join(", ");
  return ` Use one of ${shown}${names.length > MOST_NAMES ? ", and others of the schema" : ""}.`;
}
