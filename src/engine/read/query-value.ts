/** Reads an argument of a query twice: its structure while the plan is compiled, and its values at each run of the plan. */
import {
  type FieldNode,
  type GraphQLInputType,
  isInputObjectType,
  isListType,
  isNonNullType,
  type ValueNode,
  valueFromAST,
} from "graphql";
import { badUserInput } from "../../errors.js";

/** The coerced variables of one request. */
export type QueryVariables = Readonly<Record<string, unknown>>;

/** @returns a variable's value; a name such as `toString` is a variable only if the request has it */
export const queryVariableOf = (variables: QueryVariables, name: string): unknown =>
  Object.hasOwn(variables, name) ? variables[name] : undefined;

/**
 * A value in a query. The plan of
 *
 *     query ($url: String!) { scans(filter: { targetUrl: { eq: $url }, scanType: { eq: "FULL" } }) { totalCount } }
 *
 * is compiled when a request first brings it, with url = "https://a.example/". The argument `filter` is an object of two entries, and
 * their operands are
 *
 *     $url       value: "https://a.example/"    get({ url: "https://b.example/" }): "https://b.example/"
 *     "FULL"     value: "FULL"                  get({ url: "https://b.example/" }): "FULL"
 *
 * The SQL has a parameter for each: `target_url = $1 and scan_type = $2`. A later request with another url only calls `get`.
 */
export interface QueryValue {
  /** The value while the plan is compiled. SQL may depend on its structure (see shape.ts), never on its leaves. */
  readonly value: unknown;
  /** Returns the value in a run of the plan. */
  get(variables: QueryVariables): unknown;
  /** Returns the entries of an input object that are present. */
  entries(): [string, QueryValue][];
  /** Returns the items of a list. */
  items(): QueryValue[];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Holds the variables of the request for which a plan is compiled, and lets them go afterwards. Closures of a cached plan keep only this
 * object; they would otherwise keep the request's values, passwords among them.
 */
interface CompilingQuery {
  readonly variables: QueryVariables;
}

/** Makes a query value of a getter: of a variable, of a part of one, or of any other value that each run has anew. */
export const queryValueWithin = (
  get: (variables: QueryVariables) => unknown,
  compiling: CompilingQuery,
): QueryValue => ({
  get value() {
    return get(compiling.variables);
  },
  get,
  entries() {
    const { value } = this;
    const keys = isObject(value) ? Object.keys(value).filter((key) => value[key] !== undefined) : [];
    return keys.map((key) => [key, at(get, key, compiling)]);
  },
  items() {
    const length = Array.isArray(this.value) ? this.value.length : 0;
    return Array.from({ length }, (_, index) => at(get, index, compiling));
  },
});

const at = (get: (variables: QueryVariables) => unknown, key: string | number, compiling: CompilingQuery): QueryValue =>
  queryValueWithin((variables) => (get(variables) as Record<string | number, unknown>)[key], compiling);

const ofList = (items: QueryValue[]): QueryValue => ({
  get value() {
    return items.map((item) => item.value);
  },
  get: (variables) => items.map((item) => item.get(variables)),
  entries: () => [],
  items: () => items,
});

const ofObject = (entries: [string, QueryValue][]): QueryValue => ({
  get value() {
    return Object.fromEntries(entries.map(([key, child]) => [key, child.value]));
  },
  get: (variables) => Object.fromEntries(entries.map(([key, child]) => [key, child.get(variables)])),
  entries: () => entries,
  items: () => [],
});

/** @param place the path of the node, for errors @throws BAD_USER_INPUT for a variable that is null where it may not be */
function ofNode(
  node: ValueNode,
  type: GraphQLInputType,
  compiling: CompilingQuery,
  place: string,
): QueryValue | undefined {
  if (node.kind === "Variable") {
    const name = node.name.value;
    const value = queryVariableOf(compiling.variables, name);
    // Validation lets such a null pass where the argument or the variable has a default. graphql-js only checks it for root fields.
    if (value === null && isNonNullType(type)) throw badUserInput(place, "This argument may not be null.");
    return value === undefined ? undefined : queryValueWithin((current) => current[name], compiling);
  }
  const nothing = () => queryValueWithin(() => null, compiling);
  const named = isNonNullType(type) ? type.ofType : type;
  if (isListType(named)) {
    if (node.kind === "NullValue") return nothing();
    const items = node.kind === "ListValue" ? node.values : [node];
    return ofList(items.map((item, index) => ofNode(item, named.ofType, compiling, `${place}.${index}`) ?? nothing()));
  }
  if (isInputObjectType(named) && node.kind === "ObjectValue") {
    const nodes = new Map(node.fields.map((entry) => [entry.name.value, entry.value]));
    return ofObject(
      // The entries have the order of the type, in which graphql-js coerces variables too, so that equal meaning gives equal SQL.
      Object.values(named.getFields()).flatMap(({ name, type: childType }) => {
        const child = nodes.get(name);
        const reference = child && ofNode(child, childType, compiling, `${place}.${name}`);
        return reference ? [[name, reference] as [string, QueryValue]] : [];
      }),
    );
  }
  // A JSON literal may hold variables.
  if (node.kind === "ObjectValue" || node.kind === "ListValue") {
    return queryValueWithin((current) => valueFromAST(node, type, current), compiling);
  }
  const constant = valueFromAST(node, type);
  return queryValueWithin(() => constant, compiling);
}

/**
 * @returns the argument of a field, or undefined where it is absent (a variable without a value counts as absent)
 * @throws BAD_USER_INPUT for a variable that is null where it may not be
 */
export function queryArgumentOf(
  node: FieldNode,
  name: string,
  type: GraphQLInputType,
  compiling: CompilingQuery,
): QueryValue | undefined {
  const argument = node.arguments?.find((candidate) => candidate.name.value === name);
  return argument && ofNode(argument.value, type, compiling, name);
}
