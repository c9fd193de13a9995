/** The decorator `@CurrentCall()`: it hands a resolver the call that it serves, which the service and its audit record need. */
import type { GraphQLResolveInfo } from "graphql";
import { createParameterDecorator } from "type-graphql";
import type { Call } from "../../audit/call.js";

/** The part of a request's context that the decorator needs. */
export interface CallContext {
  /** Returns the call of a root field of a mutation, the same object for the same response key. */
  call(info: GraphQLResolveInfo, args: Readonly<Record<string, unknown>>): Call;
}

export const CurrentCall = () =>
  createParameterDecorator<CallContext>(({ context, info, args }) => context.call(info, args));
