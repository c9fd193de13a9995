/** What a client sends and gets when it signs in, refreshes and signs out, and how it sees itself. */
import { Field, InputType, ObjectType } from "type-graphql";
import { DateTime } from "../../../engine/types/scalars.js";
import { Role } from "../users/index.js";
import type { Credentials, SessionView } from "./sessions.service.js";

@InputType({ description: "The credentials of a user." })
export class SignInInput {
  @Field(() => String, { description: "The address of the account, in any case." })
  email!: string;
  @Field(() => String, { description: "The password." })
  password!: string;
  @Field(() => String, {
    nullable: true,
    description: "The one-time code, where the account has a second factor; else it is ignored.",
  })
  otp?: string | null;
}

@InputType({ description: "What continues a session." })
export class RefreshSessionInput {
  @Field(() => String, {
    description:
      "The newest refresh token of the session. Each is good once. The client that used it (by address and user agent) gets the same answer again within 10 seconds, until the token of that answer is used; any other token that is sent again ends the session.",
  })
  refreshToken!: string;
}

@InputType({ description: "Which session to end, beside that of the access token." })
export class SignOutInput {
  @Field(() => String, {
    nullable: true,
    description: "A refresh token of the session, for a client whose access token has expired.",
  })
  refreshToken?: string | null;
}

@ObjectType({ description: "Who makes this call, and what it may do." })
export class Viewer implements SessionView {
  userId!: string;
  organizationId!: string | null;

  @Field(() => String, { nullable: true, description: "The service that calls; null where a user does." })
  serviceName?: string | null;
  @Field(() => Role as never, { description: "What decides the permissions." })
  role!: SessionView["role"];
  @Field(() => [String], { description: "What the role may do, such as `scans:write`, in alphabetical order." })
  permissions!: string[];
  @Field(() => DateTime, {
    description:
      "When the session ends unless it is refreshed before: 30 days after this access token was issued. Then one has to sign in again.",
  })
  sessionExpiresAt!: string;
}

@ObjectType({ description: "The credentials of a session. Keep them secret." })
export class SignInPayload implements Omit<Credentials, "actor"> {
  @Field(() => String, { description: "Send it as `Authorization: Bearer <access token>`." })
  accessToken!: string;
  @Field(() => String, { description: "Exchange it with `refreshSession` before the session ends. It is good once." })
  refreshToken!: string;
  @Field(() => DateTime, { description: "When the access token ends: call `refreshSession` shortly before." })
  expiresAt!: string;
  @Field(() => Viewer, { description: "Who has signed in." })
  viewer!: Viewer;
}

@ObjectType({ description: "The session has ended, and with it its access token." })
export class SignOutPayload {
  @Field(() => Boolean, { description: "Always true." })
  signedOut!: boolean;
}
