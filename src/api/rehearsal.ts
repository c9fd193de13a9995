/** What a mutation's payload will ask for is planned before the mutation runs: what cannot be answered changes nothing. */
import { type GraphQLResolveInfo, getNamedType, getNullableType, isListType, isObjectType } from "graphql";
import { declaredTypes } from "../model/index.js";
import type { Unit } from "../plan/compile.js";
import { collectBelow } from "../plan/selection.js";
import type { RequestContext } from "./context.js";

const declared = new Map(declaredTypes.map((type) => [type.name, type]));

/** Any id: nothing is read. */
const SOME_ID = "0";

/** What the rows of a payload's list come from: items, or rows that match. More than this is refused anyway. */
const MAX_ROWS = 1000;

function countOf({ items, expectedCount }: { items?: unknown; expectedCount?: unknown }): number {
  const count = Array.isArray(items) ? items.length : Number(expectedCount ?? 1);
  return Math.min(Math.max(count, 0), MAX_ROWS);
}

/** @throws FORBIDDEN, BAD_USER_INPUT, LIMIT_EXCEEDED for what stands in the payload's selection */
export function rehearsePayload(
  info: GraphQLResolveInfo,
  args: Readonly<Record<string, unknown>>,
  context: RequestContext,
): void {
  const payload = getNamedType(info.returnType);
  if (!isObjectType(payload)) return;
  const fields = payload.getFields();
  const count = countOf(args.input ?? {});
  const units: Unit[] = [];
  const values: unknown[] = [];
  for (const [key, nodes] of collectBelow(info.fieldNodes, info.fragments, context.variables)) {
    const field = fields[nodes[0].name.value];
    const type = field && declared.get(getNamedType(field.type).name);
    if (!type) continue;
    const isList = isListType(getNullableType(field.type));
    units.push({ key: `${info.path.key}.${key}`, entry: { kind: isList ? "givenList" : "given", type }, nodes });
    values.push(isList ? Array(count).fill(SOME_ID) : SOME_ID);
  }
  if (units.length > 0) context.rehearse(units, values, info);
}
