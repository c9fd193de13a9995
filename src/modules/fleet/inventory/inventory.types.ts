/** What a client sends to say the environment of an instance or an account. */
import { Field, ID, InputType, ObjectType } from "type-graphql";
import { objectType } from "../../../engine/types/object-type.js";
import { Environment } from "./instance-objects.model.js";
import { Instance } from "./inventory.model.js";

@InputType({ description: "What an instance or an account is for. Give instanceId or accountId, one of them." })
export class SetEnvironmentMappingInput {
  @Field(() => ID, { nullable: true, description: "The instance: its id, or its identifier where that is unique." })
  instanceId?: string | null;
  @Field(() => String, { nullable: true, description: "The provider's account: counts for all of its instances." })
  accountId?: string | null;
  @Field(() => Environment as never, { nullable: true, description: "What it is for; null takes the mapping back." })
  environment?: keyof typeof Environment | null;
  @Field(() => String, { description: "Why, at most 1,000 characters; kept in the audit log." })
  reason!: string;
  @Field(() => String, {
    nullable: true,
    description:
      "The `dispute` of the instance's environment that this settles. It is in dispute again once other facts contradict.",
  })
  settles?: string | null;
}

@ObjectType({ description: "The mapping counts from now on." })
export class SetEnvironmentMappingPayload {
  @Field(() => objectType(Instance), {
    nullable: true,
    description: "The instance, as it is now; null where an account was mapped.",
  })
  instance!: unknown;
}
