/** The mutation that records a security event. */
import type { GraphQLResolveInfo } from "graphql";
import { Arg, Ctx, FieldResolver, Info, Mutation, Resolver, Root } from "type-graphql";
import type { Call } from "../../../audit/call.js";
import type { SecurityService } from "../../../audit/index.js";
import { CurrentCall } from "../../../engine/types/current-call.js";
import { objectType } from "../../../engine/types/object-type.js";
import type { ReadContext } from "../../../engine/types/read-resolver.js";
import { RecordSecurityEventInput, RecordSecurityEventPayload } from "./security.types.js";
import { SecurityEvent } from "./security-events.model.js";

@Resolver(() => RecordSecurityEventPayload)
export class SecurityResolver {
  constructor(private readonly security: SecurityService) {}

  @Mutation(() => RecordSecurityEventPayload, { nullable: true, description: "Records a security event." })
  async recordSecurityEvent(
    @CurrentCall() call: Call,
    @Arg("input", () => RecordSecurityEventInput, { description: "What happened." }) input: RecordSecurityEventInput,
  ) {
    return { securityEvent: await this.security.recordForCaller(call, input) };
  }

  @FieldResolver(() => objectType(SecurityEvent))
  securityEvent(@Root("securityEvent") id: string, @Ctx() context: ReadContext, @Info() info: GraphQLResolveInfo) {
    return context.reads.row(SecurityEvent, id, info);
  }
}
