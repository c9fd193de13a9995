/** `@CurrentCall()`: the mutation call that a resolver serves, for the service and its audit record. */
import type { GraphQLResolveInfo } from "graphql";
import { createParameterDecorator } from "type-graphql";
import type { Call } from "../../audit/call.js";

/** What the decorator needs of a request's context. */
export interface CallContext {
  /** The call of one root mutation field; the same object for the same response key. */
  call(info: GraphQLResolveInfo, args: Readonly<Record<string, unknown>>): Call;
}

export const CurrentCall = () =>
  createParameterDecorator<CallContext>(({ context, info, args }) => context.call(info, args));
