/** Adds a field resolver whose name is only known at run time to a type-graphql resolver class. */
import type { GraphQLResolveInfo } from "graphql";
import { Args, type ClassType, Ctx, FieldResolver, Info, Root } from "type-graphql";

/**
 * @param resolver the class whose `@Resolver` names the parent type
 * @param options `args`: the class of the field's arguments, where it has any
 */
export function addFieldResolver(
  resolver: ClassType,
  name: string,
  returns: () => ClassType,
  method: (parent: never, context: never, info: GraphQLResolveInfo) => unknown,
  { args, ...options }: { args?: () => ClassType; description?: string; nullable?: boolean } = {},
): void {
  const prototype = resolver.prototype as Record<string, unknown>;
  prototype[name] = method;
  Root()(prototype, name, 0);
  Ctx()(prototype, name, 1);
  Info()(prototype, name, 2);
  if (args) Args(args)(prototype, name, 3);
  FieldResolver(returns, options)(prototype, name, {});
}
