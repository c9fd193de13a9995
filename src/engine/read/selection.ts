/** Collects the fields that a selection asks for by response key. It merges fields, applies directives, and visits every fragment once. */
import type { DirectiveNode, FieldNode, FragmentDefinitionNode, NamedTypeNode, SelectionSetNode } from "graphql";
import { badUserInput } from "../../errors.js";
import { NODE_INTERFACE } from "./node-id.js";
import { type QueryVariables, queryVariableOf } from "./query-value.js";

export type Fragments = Readonly<Record<string, FragmentDefinitionNode>>;

/** The field nodes that share a response key, by that key. The first node names the field and its arguments. */
export type Selection = Map<string, [FieldNode, ...FieldNode[]]>;

function applies(directives: readonly DirectiveNode[] | undefined, variables: QueryVariables): boolean {
  for (const { name, arguments: given } of directives ?? []) {
    if (name.value !== "skip" && name.value !== "include") continue;
    const condition = given?.find((argument) => argument.name.value === "if")?.value;
    const value =
      condition?.kind === "Variable"
        ? queryVariableOf(variables, condition.name.value)
        : condition?.kind === "BooleanValue" && condition.value;
    if (value === null) throw badUserInput("if", "This argument may not be null.");
    if (value === (name.value === "skip")) return false;
  }
  return true;
}

/**
 * Only a selection over a row holds fragments that do not apply to it, within one on the interface Node; validation refuses others:
 *
 *     { node(nodeId: "...") { nodeId ... on Scan { status } ... on User { email } } }    asks of a scan for nodeId and status
 *     { scan(id: 7) { id ... on Node { nodeId ... on User { email } } } }                asks of a scan for id and nodeId
 *
 * @param rowType the type of the row, where the selection is over one
 * @returns the fields that the selection sets ask for together, in the order of graphql-js
 * @throws BAD_USER_INPUT for a directive whose variable is null
 */
export function collectSelection(
  selectionSets: readonly (SelectionSetNode | undefined)[],
  fragments: Fragments,
  variables: QueryVariables,
  rowType?: string,
): Selection {
  const matches = (condition: NamedTypeNode | undefined) =>
    rowType === undefined || condition === undefined || [rowType, NODE_INTERFACE].includes(condition.name.value);
  const selection: Selection = new Map();
  const visited = new Set<string>();
  const visit = (set: SelectionSetNode | undefined): void => {
    for (const node of set?.selections ?? []) {
      if (!applies(node.directives, variables)) continue;
      if (node.kind === "Field") {
        const key = node.alias?.value ?? node.name.value;
        const same = selection.get(key);
        if (same) same.push(node);
        else selection.set(key, [node]);
      } else if (node.kind === "InlineFragment") {
        if (matches(node.typeCondition)) visit(node.selectionSet);
      } else if (!visited.has(node.name.value)) {
        visited.add(node.name.value);
        const fragment = fragments[node.name.value];
        if (matches(fragment?.typeCondition)) visit(fragment?.selectionSet);
      }
    }
  };
  for (const set of selectionSets) visit(set);
  return selection;
}

/** @returns the fields that the nodes of one response key ask for below themselves */
export const collectSelectionBelow = (
  nodes: readonly FieldNode[],
  fragments: Fragments,
  variables: QueryVariables,
  rowType?: string,
): Selection =>
  collectSelection(
    nodes.map((node) => node.selectionSet),
    fragments,
    variables,
    rowType,
  );
