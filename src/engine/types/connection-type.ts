/** Makes type-graphql classes of declarations: connections and their arguments. */
import { ArgsType, type ClassType, Field, Int, ObjectType } from "type-graphql";
import type { TypeDeclaration } from "../declaration.js";
import { aggregateType } from "./aggregate-type.js";
import { filterType, orderType } from "./filter-type.js";
import { addTypeField, objectType, typeOnce } from "./object-type.js";

@ObjectType({ description: "The position of a page in its list." })
export class PageInfo {
  @Field(() => Boolean, { description: "Whether the list goes on after this page." })
  hasNextPage!: boolean;
  @Field(() => Boolean, { description: "Whether the list has items before this page." })
  hasPreviousPage!: boolean;
  @Field(() => String, { nullable: true, description: "The cursor of the first item; null on an empty page." })
  startCursor?: string;
  @Field(() => String, { nullable: true, description: "The cursor of the last item; null on an empty page." })
  endCursor?: string;
}

/** @returns the Relay connection type of a declaration */
export function connectionType(declaration: TypeDeclaration): ClassType {
  const { name } = declaration;
  const node = objectType(declaration);
  const edge = typeOnce(`${name}Edge`, (target) => {
    ObjectType(`${name}Edge`, { description: `One ${name} of a list.` })(target);
    addTypeField(target, "cursor", () => String, "Pass it as `after` or `before` to go on from here.", false);
    addTypeField(target, "node", () => node, "The item.", false);
  });
  return typeOnce(`${name}Connection`, (target) => {
    ObjectType(`${name}Connection`, { description: `A page of a list of ${name}.` })(target);
    addTypeField(target, "edges", () => [edge], "The items with their cursors.", false);
    addTypeField(target, "nodes", () => [node], "The items.", false);
    addTypeField(target, "pageInfo", () => PageInfo, "The position of the page in the list.", false);
    const counted = "The number of items in the whole list. It is counted only where a query asks for it.";
    addTypeField(target, "totalCount", () => Int, counted, false);
    const aggregate = aggregateType(declaration);
    addTypeField(target, "aggregate", () => aggregate, "Figures over the whole list, not only over the page.", false);
  });
}

/** @returns the arguments of the connections over a declaration */
export function connectionArgs(declaration: TypeDeclaration): ClassType {
  return typeOnce(`${declaration.name}ConnectionArgs`, (target) => {
    const [filter, order] = [filterType(declaration), orderType(declaration)];
    ArgsType()(target);
    addTypeField(target, "first", () => Int, "The number of items from the start: 20 by default, at most 100.");
    addTypeField(target, "after", () => String, "Only items after this cursor.");
    addTypeField(target, "last", () => Int, "The number of items from the end, at most 100.");
    addTypeField(target, "before", () => String, "Only items before this cursor.");
    addTypeField(target, "filter", () => filter, "Only items that match this filter.");
    addTypeField(target, "orderBy", () => [order], "The order: the newest first by default. The id breaks ties.");
  });
}
