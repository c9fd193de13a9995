/** The query for the viewer, with its user and organization. */
import type { GraphQLResolveInfo } from "graphql";
import { Ctx, FieldResolver, Info, Query, Resolver, Root } from "type-graphql";
import type { Actor } from "../../../auth/actor.js";
import { objectType } from "../../../engine/types/object-type.js";
import type { ReadContext } from "../../../engine/types/read-resolver.js";
import { Organization } from "../organizations/index.js";
import { User } from "../users/index.js";
import type { IdentityService } from "./sessions.service.js";
import { Viewer } from "./sessions.types.js";

/** What the query needs of a request's context. */
interface ViewerContext extends ReadContext {
  readonly actor: Actor;
}

@Resolver(() => Viewer)
export class ViewerResolver {
  constructor(private readonly identity: IdentityService) {}

  @Query(() => Viewer, { nullable: true, description: "Who am I, and what may I do?" })
  viewer(@Ctx() { actor }: ViewerContext) {
    return this.identity.viewer(actor);
  }

  @FieldResolver(() => objectType(User), {
    nullable: true,
    description: "The user who calls; null where a service does.",
  })
  user(@Root() { userId }: Viewer, @Ctx() { reads }: ReadContext, @Info() info: GraphQLResolveInfo) {
    return reads.own(User, userId, info);
  }

  @FieldResolver(() => objectType(Organization), {
    nullable: true,
    description: "Where the caller belongs; null for staff that belong to none.",
  })
  organization(@Root() { organizationId }: Viewer, @Ctx() { reads }: ReadContext, @Info() info: GraphQLResolveInfo) {
    return organizationId === null ? null : reads.own(Organization, organizationId, info);
  }
}
