/** What a client gets when it signs in, refreshes and signs out, and how it sees itself. */
import { Field, ObjectType } from "type-graphql";
import { DateTime } from "../../../engine/types/scalars.js";
import { Role } from "../users/index.js";
import type { Credentials, SessionView } from "./sessions.service.js";

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
