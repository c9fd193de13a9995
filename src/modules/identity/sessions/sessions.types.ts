/** The GraphQL types of the viewer and of the session mutations' payloads. */
import { Field, ObjectType } from "type-graphql";
import { DateTime } from "../../../engine/types/scalars.js";
import { Role } from "../users/index.js";
import type { SessionsCredentials, SessionsServiceView } from "./sessions.service.js";

@ObjectType({ description: "Who makes this call, and what they may do." })
export class Viewer implements SessionsServiceView {
  userId!: string;
  organizationId!: string | null;

  @Field(() => String, { nullable: true, description: "The service that calls; null where a user calls." })
  serviceName?: string | null;
  @Field(() => Role as never, { description: "The role, which decides the permissions." })
  role!: SessionsServiceView["role"];
  @Field(() => [String], { description: "The permissions of the role, such as `scans:write`, in alphabetical order." })
  permissions!: string[];
  @Field(() => DateTime, {
    description:
      "When the session ends if it is not refreshed before: 7 days after this access token was issued, or 30 days after signing in, whichever comes first. Then the user must sign in again.",
  })
  sessionExpiresAt!: string;
}

@ObjectType({ description: "The credentials of a session. Keep them secret." })
export class SignInPayload implements Omit<SessionsCredentials, "actor"> {
  @Field(() => String, { description: "Send it as `Authorization: Bearer <access token>`." })
  accessToken!: string;
  @Field(() => String, { description: "Exchange it with `refreshSession` before the session ends. It works once." })
  refreshToken!: string;
  @Field(() => DateTime, { description: "When the access token expires. Call `refreshSession` shortly before." })
  expiresAt!: string;
  @Field(() => String, {
    nullable: true,
    description:
      "Keep it on this device, and send it with the next `signIn`: it shows that the account has signed in here. It is good for 90 days, until the password changes. Null from `refreshSession`.",
  })
  deviceToken!: string | null;
  @Field(() => Viewer, { description: "The user who has signed in." })
  viewer!: Viewer;
}

@ObjectType({ description: "The session and its access token have ended." })
export class SignOutPayload {
  @Field(() => Boolean, { description: "Always true." })
  signedOut!: boolean;
}
