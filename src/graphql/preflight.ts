/** Plans a mutation's payload before the mutation runs, so that a mutation whose payload cannot be answered changes nothing. */
import {
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  getNamedType,
  getNullableType,
  isListType,
  isObjectType,
} from "graphql";
import { collectSelectionBelow, type Selection } from "../engine/read/selection.js";
import type { Unit } from "../engine/read/unit.js";
import { declarationOfObjectType } from "../engine/types/object-type.js";
import type { RequestContext } from "./context.js";

/** A placeholder for ids: preflight reads nothing. */
const SOME_ID = "0";

/** The service refuses more items or matching rows than this. */
const MAX_ROWS = 1000;

/** @returns how many rows the list of a payload will hold: as many as the input has items, or as it expects to match */
function countOf({ items, expectedCount }: { items?: unknown; expectedCount?: unknown }): number {
  const count = Array.isArray(items) ? items.length : Number(expectedCount ?? 1);
  return Math.min(Math.max(count, 0), MAX_ROWS);
}

/** @returns a unit for each field of rows that a payload's selection asks for */
export function preflightUnits(payload: GraphQLObjectType, rootKey: string | number, selection: Selection): Unit[] {
  const fields = payload.getFields();
  return [...selection].flatMap(([key, nodes]): Unit[] => {
    const field = fields[nodes[0].name.value];
    const type = field && declarationOfObjectType(getNamedType(field.type));
    if (!type) return [];
    const kind = isListType(getNullableType(field.type)) ? "returnedList" : "returned";
    return [{ key: `${rootKey}.${key}`, target: { kind, type }, nodes }];
  });
}

/** @returns placeholders for the ids that the mutation will return for the units */
export function preflightValues(units: readonly Unit[], { input }: Readonly<Record<string, unknown>>): unknown[] {
  const count = countOf(input ?? {});
  return units.map(({ target }) => (target.kind === "returnedList" ? Array(count).fill(SOME_ID) : SOME_ID));
}

/** Plans the payload of a mutation. @throws FORBIDDEN, BAD_USER_INPUT, LIMIT_EXCEEDED for the payload's selection */
export function preflightPayload(
  info: GraphQLResolveInfo,
  args: Readonly<Record<string, unknown>>,
  context: RequestContext,
): void {
  const payload = getNamedType(info.returnType);
  if (!isObjectType(payload)) return;
  const units = preflightUnits(
    payload,
    info.path.key,
    collectSelectionBelow(info.fieldNodes, info.fragments, context.variables),
  );
  if (units.length > 0) context.preflight(units, preflightValues(units, args), info);
}
