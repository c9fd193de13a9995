/** The query `viewer`, with its user and organization. */
import type { GraphQLResolveInfo } from "graphql";
import { Ctx, FieldResolver, Info, Query, Resolver, Root } from "type-graphql";
import type { Actor } from "../../../auth/actor.js";
import { objectType } from "../../../engine/types/object-type.js";
import type { ReadContext } from "../../../engine/types/read-resolver.js";
import { Organization } from "../organizations/index.js";
import { User } from "../users/index.js";
import type { SessionsService } from "./sessions.service.js";
import { Viewer } from "./sessions.types.js";

/** The part of a request's context that the query needs. */
interface ViewerContext extends ReadContext {
  readonly actor: Actor;
}

@Resolver(() => Viewer)
export class ViewerResolver {
  constructor(private readonly sessions: SessionsService) {}

  @Query(() => Viewer, { nullable: true, description: "The caller, and what they may do." })
  viewer(@Ctx() { actor }: ViewerContext) {
    return this.sessions.viewer(actor);
  }

  @FieldResolver(() => objectType(User), {
    nullable: true,
    description: "The user who calls; null where a service calls.",
  })
  user(@Root() { userId }: Viewer, @Ctx() { reads }: ReadContext, @Info() info: GraphQLResolveInfo) {
    return reads.own(User, userId, info);
  }

  @FieldResolver(() => objectType(Organization), {
    nullable: true,
    description: "The organization of the caller; null for staff without one.",
  })
  organization(@Root() { organizationId }: Viewer, @Ctx() { reads }: ReadContext, @Info() info: GraphQLResolveInfo) {
    return organizationId === null ? null : reads.own(Organization, organizationId, info);
  }
}
