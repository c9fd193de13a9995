/** Resolves the reads of a type: its two root fields and its nested connections. The planner answers all of them. */
import type { GraphQLResolveInfo } from "graphql";
import { Arg, Args, type ClassType, Ctx, ID, Info, Query, Resolver } from "type-graphql";
import { singularOf, type TypeDeclaration } from "../declaration.js";
import type { Reads, ReadsAllowance } from "../read/reads.js";
import type { UnitTarget, UnitTargetOf } from "../read/unit.js";
import { aggregateGroupArgs, groupType } from "./aggregate-type.js";
import { connectionArgs, connectionType } from "./connection-type.js";
import { addFieldResolver } from "./field-resolver.js";
import { objectType } from "./object-type.js";

/** The part of a request's context that the resolvers below need. */
export interface ReadContext {
  readonly reads: Reads;
  readonly allowance: ReadsAllowance;
}

const always = (target: UnitTarget): UnitTargetOf => {
  const found = { target };
  return () => found;
};

/** @returns what the planner answers for the root fields of the types, by name */
export const readResolverTargets = (types: readonly TypeDeclaration[]): Map<string, UnitTargetOf> =>
  new Map(
    types.flatMap((type): [string, UnitTargetOf][] => [
      [singularOf(type), always({ kind: "row", type })],
      [type.plural, always({ kind: "connection", type })],
    ]),
  );

/** @returns what the root field of one row says of itself and of its argument */
function describedRow({ name, identifier }: TypeDeclaration): { field: string; id: string } {
  const none = "null where there is none.";
  if (!identifier) return { field: `The ${name} with this id; ${none}`, id: "Decimal text of the key." };
  return {
    field: `The ${name} with this id, ${identifier.column.name} or ${identifier.longColumn.name}; ${none}`,
    id: `Decimal text of the key, the ${identifier.longColumn.name}, or the ${identifier.column.name}, in any case, where only one ${name} that is still there has it. Otherwise BAD_USER_INPUT names \`candidates\`.`,
  };
}

/** @returns a resolver class with the root fields of a type and its relations to many */
export function readResolver(type: TypeDeclaration): ClassType {
  const described = describedRow(type);
  const [object, connection, connectionArguments] = [objectType(type), connectionType(type), connectionArgs(type)];

  @Resolver(() => object)
  class ReadResolver {
    @Query(() => object, {
      name: singularOf(type),
      nullable: true,
      description: described.field,
    })
    one(
      @Arg("id", () => ID, { description: described.id }) _id: string,
      @Ctx() context: ReadContext,
      @Info() info: GraphQLResolveInfo,
    ) {
      return context.reads.root(info);
    }

    @Query(() => connection, {
      name: type.plural,
      nullable: true,
      description: `A list of ${type.name}, newest first.`,
    })
    many(
      @Args(() => connectionArguments) _args: object,
      @Ctx() context: ReadContext,
      @Info() info: GraphQLResolveInfo,
    ) {
      return context.reads.root(info);
    }
  }

  for (const [name, relation] of Object.entries(type.relations)) {
    if (relation.kind !== "many") continue;
    const [related, relatedArgs] = [connectionType(relation.to()), connectionArgs(relation.to())];
    // The parent's plan already holds the value; this only declares the field's arguments.
    addFieldResolver(
      ReadResolver,
      name,
      () => related,
      () => undefined,
      {
        args: () => relatedArgs,
        description: relation.nullable
          ? `${relation.description} Null, with an error, where your role may not read them.`
          : relation.description,
        nullable: relation.nullable,
      },
    );
  }
  return ReadResolver;
}

/** @returns a resolver class with the fields of a connection that take arguments */
export function connectionResolver(type: TypeDeclaration): ClassType {
  const [connection, group, args] = [connectionType(type), groupType(type), aggregateGroupArgs(type)];
  @Resolver(() => connection)
  class ConnectionResolver {}
  // type-graphql reads [type] as a list of the type.
  addFieldResolver(
    ConnectionResolver,
    "groups",
    () => [group] as unknown as ClassType,
    () => undefined,
    { args: () => args, description: "The rows of the whole list in groups, ordered by their keys or by their size." },
  );
  return ConnectionResolver;
}
