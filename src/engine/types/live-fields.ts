/** Makes the root fields of subscriptions for types whose changed rows are noted (see row-changes.service.ts). */
import { getTableName } from "drizzle-orm";
import {
  type GraphQLFieldConfig,
  GraphQLID,
  type GraphQLInputObjectType,
  GraphQLNonNull,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
} from "graphql";
import { requireId } from "../../values/id.js";
import { singularOf, type TypeDeclaration } from "../declaration.js";

/** A type whose rows can be followed. */
export interface LiveType {
  readonly type: TypeDeclaration;
  /** The field that follows one row by its id; absent where rows never change. */
  readonly one?: { readonly name: string; readonly description: string };
  /** The field that follows the rows that a filter matches. */
  readonly many: { readonly name: string; readonly description: string };
  /** Lists the ids of the rows with which the field for many begins, in their order: those that will change. */
  readonly underWay?: () => Promise<readonly string[]>;
}

/** Rows to follow: one by its id, or all, beginning with some. */
export interface LiveRows {
  readonly type: TypeDeclaration;
  /** The name of their table, under which changes are noted. */
  readonly source: string;
  readonly id?: string;
  readonly first?: LiveType["underWay"];
}

/** The part of a subscription's context that the fields below need. */
export interface LiveRowsContext {
  /** @returns each row as it is now, and again when it has changed @throws NOT_FOUND, BAD_USER_INPUT, LIMIT_EXCEEDED, UNAVAILABLE */
  follow(rows: LiveRows, info: GraphQLResolveInfo): Promise<AsyncIterable<unknown>>;
}

type LiveFieldConfig = GraphQLFieldConfig<unknown, LiveRowsContext>;

/** @returns the root fields by name @param schema has the types */
export function liveFields(schema: GraphQLSchema, types: readonly LiveType[]): Record<string, LiveFieldConfig> {
  const fields = types.flatMap(({ type, one, many, underWay }): [string, LiveFieldConfig][] => {
    const answer = new GraphQLNonNull(schema.getType(type.name) as GraphQLObjectType);
    const source = getTableName(type.table);
    const filter = {
      type: schema.getType(`${type.name}Filter`) as GraphQLInputObjectType,
      description: "Conditions on the rows.",
    };
    const all: LiveFieldConfig = {
      type: answer,
      description: many.description,
      args: { filter },
      subscribe: (_root, _args, context, info) =>
        context.follow({ type, source, ...(underWay && { first: underWay }) }, info),
    };
    if (!one) return [[many.name, all]];
    const argument = `${singularOf(type)}Id`;
    const single: LiveFieldConfig = {
      type: answer,
      description: one.description,
      args: { [argument]: { type: new GraphQLNonNull(GraphQLID), description: "Decimal text of the key." } },
      subscribe: async (_root, args, context, info) =>
        context.follow({ type, source, id: requireId(args[argument], argument) }, info),
    };
    return [
      [one.name, single],
      [many.name, all],
    ];
  });
  return Object.fromEntries(fields);
}
