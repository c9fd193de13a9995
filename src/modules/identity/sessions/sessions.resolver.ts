/** The root fields of identity, and the user and organization of a viewer. */
import type { GraphQLResolveInfo } from "graphql";
import { Arg, Ctx, FieldResolver, Info, Mutation, Query, Resolver, Root } from "type-graphql";
import type { Origin } from "../../../audit/call.js";
import type { Actor } from "../../../auth/actor.js";
import { objectType } from "../../../engine/types/object-type.js";
import type { ReadContext } from "../../../engine/types/read-resolver.js";
import { Organization } from "../organizations/index.js";
import { User } from "../users/index.js";
import type { Credentials, IdentityService } from "./sessions.service.js";
import {
  RefreshSessionInput,
  SignInInput,
  SignInPayload,
  SignOutInput,
  SignOutPayload,
  Viewer,
} from "./sessions.types.js";

/** What the resolvers below need of a request's context. */
interface IdentityContext extends ReadContext {
  readonly actor: Actor;
  readonly origin: Origin;
  answerAs(actor: Actor): void;
}

@Resolver(() => Viewer)
export class IdentityResolver {
  constructor(private readonly identity: IdentityService) {}

  @Query(() => Viewer, { nullable: true, description: "Who am I, and what may I do?" })
  viewer(@Ctx() { actor }: IdentityContext) {
    return this.identity.viewer(actor);
  }

  @Mutation(() => SignInPayload, {
    nullable: true,
    description: "Opens a session of 30 days, which every refresh extends.",
  })
  signIn(
    @Arg("input", () => SignInInput, { description: "Who signs in." }) input: SignInInput,
    @Ctx() context: IdentityContext,
  ) {
    return this.answer(this.identity.signIn(input, context.origin), context);
  }

  @Mutation(() => SignInPayload, {
    nullable: true,
    description: "Exchanges a refresh token for new credentials of the same session.",
  })
  refreshSession(
    @Arg("input", () => RefreshSessionInput, { description: "The session to go on with." }) input: RefreshSessionInput,
    @Ctx() context: IdentityContext,
  ) {
    return this.answer(this.identity.refresh(input, context.origin), context);
  }

  /** The viewer of the answer sees what whoever has just signed in may see. */
  private async answer(credentials: Promise<Credentials>, context: IdentityContext): Promise<Credentials> {
    const answer = await credentials;
    context.answerAs(answer.actor);
    return answer;
  }

  @Mutation(() => SignOutPayload, {
    nullable: true,
    description: "Ends the session at once, its access token included.",
  })
  async signOut(
    @Arg("input", () => SignOutInput, {
      nullable: true,
      description: "Which session, where not that of the access token.",
    })
    input: SignOutInput | null | undefined,
    @Ctx() { actor, origin }: IdentityContext,
  ): Promise<SignOutPayload> {
    await this.identity.signOut(actor, input, origin);
    return { signedOut: true };
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
