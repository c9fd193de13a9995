/** The mutation that says what an instance or an account is for. */
import type { GraphQLResolveInfo } from "graphql";
import { Arg, Ctx, FieldResolver, Info, Mutation, Resolver, Root } from "type-graphql";
import type { Call } from "../../../audit/call.js";
import { CurrentCall } from "../../../engine/types/current-call.js";
import { objectType } from "../../../engine/types/object-type.js";
import type { ReadContext } from "../../../engine/types/read-resolver.js";
import { Instance } from "./inventory.model.js";
import type { InventoryService } from "./inventory.service.js";
import { SetEnvironmentMappingInput, SetEnvironmentMappingPayload } from "./inventory.types.js";

@Resolver(() => SetEnvironmentMappingPayload)
export class InventoryResolver {
  constructor(private readonly inventory: InventoryService) {}

  @Mutation(() => SetEnvironmentMappingPayload, {
    nullable: true,
    description: "Says what an instance or an account is for, and settles what the methods disagree about.",
  })
  async setEnvironmentMapping(
    @CurrentCall() call: Call,
    @Arg("input", () => SetEnvironmentMappingInput, { description: "Which instance or account, and what it is for." })
    input: SetEnvironmentMappingInput,
  ) {
    return { instance: await this.inventory.setMapping(call, input) };
  }

  @FieldResolver(() => objectType(Instance), { nullable: true })
  instance(@Root("instance") id: string | null, @Ctx() context: ReadContext, @Info() info: GraphQLResolveInfo) {
    return id === null ? null : context.reads.row(Instance, id, info);
  }
}
