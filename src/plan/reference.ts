/** An argument of a query, seen twice: its value while the plan is compiled (only its structure may count), and how to get it at each run. */
import {
  type FieldNode,
  type GraphQLInputType,
  isInputObjectType,
  isListType,
  isNonNullType,
  type ValueNode,
  valueFromAST,
} from "graphql";
import { badUserInput } from "../errors.js";

/** Coerced variables of one request. */
export type Variables = Readonly<Record<string, unknown>>;

/** @returns a variable's value; names such as `toString` are no variables unless they were given */
export const variableOf = (variables: Variables, name: string): unknown =>
  Object.hasOwn(variables, name) ? variables[name] : undefined;

export interface Reference {
  /** The value while compiling. SQL may depend on its structure (see shape.ts), never on its leaves. */
  readonly value: unknown;
  /** The value in a run of the plan. */
  get(variables: Variables): unknown;
  /** The entries of an input object that are present. */
  entries(): [string, Reference][];
  /** The items of a list. */
  items(): Reference[];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A reference into a variable, or into any other value that each run has anew. */
export const within = (value: unknown, get: (variables: Variables) => unknown): Reference => ({
  value,
  get,
  entries: () =>
    isObject(value)
      ? Object.entries(value)
          .filter(([, child]) => child !== undefined)
          .map(([key, child]) => [key, within(child, (variables) => (get(variables) as Record<string, unknown>)[key])])
      : [],
  items: () =>
    Array.isArray(value)
      ? value.map((item, index) => within(item, (variables) => (get(variables) as unknown[])[index]))
      : [],
});

const ofList = (items: Reference[]): Reference => ({
  value: items.map((item) => item.value),
  get: (variables) => items.map((item) => item.get(variables)),
  entries: () => [],
  items: () => items,
});

const ofObject = (entries: [string, Reference][]): Reference => ({
  value: Object.fromEntries(entries.map(([key, child]) => [key, child.value])),
  get: (variables) => Object.fromEntries(entries.map(([key, child]) => [key, child.get(variables)])),
  entries: () => entries,
  items: () => [],
});

/** @param at where the node stands, for errors @throws BAD_USER_INPUT for a variable that is null where it may not be */
function ofNode(node: ValueNode, type: GraphQLInputType, variables: Variables, at: string): Reference | undefined {
  if (node.kind === "Variable") {
    const name = node.name.value;
    const value = variableOf(variables, name);
    // Validation lets it pass where a default stands against it; of root fields graphql-js looks at the values, too.
    if (value === null && isNonNullType(type)) throw badUserInput(at, "This argument may not be null.");
    return value === undefined ? undefined : within(value, (current) => current[name]);
  }
  const named = isNonNullType(type) ? type.ofType : type;
  if (isListType(named)) {
    if (node.kind === "NullValue") return within(null, () => null);
    const items = node.kind === "ListValue" ? node.values : [node];
    return ofList(
      items.map((item, index) => ofNode(item, named.ofType, variables, `${at}.${index}`) ?? within(null, () => null)),
    );
  }
  if (isInputObjectType(named) && node.kind === "ObjectValue") {
    const given = new Map(node.fields.map((entry) => [entry.name.value, entry.value]));
    return ofObject(
      // In the order of the type, as graphql-js coerces variables: equal meaning gives equal SQL.
      Object.values(named.getFields()).flatMap(({ name, type: childType }) => {
        const child = given.get(name);
        const reference = child && ofNode(child, childType, variables, `${at}.${name}`);
        return reference ? [[name, reference] as [string, Reference]] : [];
      }),
    );
  }
  const value = valueFromAST(node, type, variables);
  // A JSON literal may hold variables.
  const open = node.kind === "ObjectValue" || node.kind === "ListValue";
  return within(value, open ? (current) => valueFromAST(node, type, current) : () => value);
}

/**
 * @returns the argument of a field, or undefined where it is absent (a variable without a value counts as absent)
 * @throws BAD_USER_INPUT for a variable that is null where it may not be
 */
export function argumentOf(
  node: FieldNode,
  name: string,
  type: GraphQLInputType,
  variables: Variables,
): Reference | undefined {
  const argument = node.arguments?.find((candidate) => candidate.name.value === name);
  return argument && ofNode(argument.value, type, variables, name);
}
