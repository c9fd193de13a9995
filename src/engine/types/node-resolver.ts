/** Resolves `node` and `nodes`: rows of any type by their node ids, under the rules of the root fields of their types. */
import {
  type FieldNode,
  GraphQLID,
  type GraphQLInputType,
  GraphQLList,
  GraphQLNonNull,
  type GraphQLResolveInfo,
} from "graphql";
import { Arg, Ctx, ID, Info, Query, Resolver } from "type-graphql";
import { limitExceeded } from "../../errors.js";
import type { TypeDeclaration } from "../declaration.js";
import { nodeKeyOf } from "../read/node-id.js";
import { type QueryVariables, queryArgumentOf } from "../read/query-value.js";
import type { UnitTargetOf } from "../read/unit.js";
import { NodeObject } from "./object-type.js";
import type { ReadContext } from "./read-resolver.js";

const NODE_ID = new GraphQLNonNull(GraphQLID);
const NODE_IDS = new GraphQLNonNull(new GraphQLList(NODE_ID));

const argumentOf = (node: FieldNode, name: string, type: GraphQLInputType, variables: QueryVariables): unknown =>
  queryArgumentOf(node, name, type, { variables })?.value;

/**
 * @param types the types that have node ids
 * @param max the most node ids of one field
 * @returns what the planner answers for both root fields, by name. Which types those are follows from the node ids of the request.
 */
export function nodeTargets(types: readonly TypeDeclaration[], max: number): Map<string, UnitTargetOf> {
  const byName = new Map(types.map((type) => [type.name, type]));
  const one: UnitTargetOf = (node, variables) => {
    const value = nodeKeyOf(argumentOf(node, "nodeId", NODE_ID, variables) as string, byName, "nodeId");
    return { target: { kind: "node", types: value.type ? [value.type] : [] }, value };
  };
  const many: UnitTargetOf = (node, variables) => {
    const nodeIds = argumentOf(node, "nodeIds", NODE_IDS, variables) as readonly string[];
    if (nodeIds.length > max) throw limitExceeded("pageSize", `Ask for at most ${max} at once.`);
    const value = nodeIds.map((nodeId, index) => nodeKeyOf(nodeId, byName, `nodeIds.${index}`));
    const named = new Set(value.map(({ type }) => type));
    return { target: { kind: "nodes", types: types.filter((type) => named.has(type)) }, value };
  };
  return new Map([
    ["node", one],
    ["nodes", many],
  ]);
}

@Resolver()
export class NodeResolver {
  @Query(() => NodeObject, {
    nullable: true,
    description: "The object with this node id, whatever its type; null where there is none.",
  })
  node(
    @Arg("nodeId", () => ID, { description: "What the field `nodeId` of the object answers." }) _nodeId: string,
    @Ctx() { reads }: ReadContext,
    @Info() info: GraphQLResolveInfo,
  ) {
    return reads.node(info);
  }

  @Query(() => [NodeObject], {
    nullable: "itemsAndList",
    description: "The objects with these node ids, in their order; null in place of each that is not there.",
  })
  nodes(
    @Arg("nodeIds", () => [ID], { description: "At most 100 node ids." }) _nodeIds: string[],
    @Ctx() { reads }: ReadContext,
    @Info() info: GraphQLResolveInfo,
  ) {
    return reads.nodes(info);
  }
}
