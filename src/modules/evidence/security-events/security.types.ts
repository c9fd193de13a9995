/** What a client sends and gets when it records a security event. */
import { Field, ID, InputType, ObjectType } from "type-graphql";
import { objectType } from "../../../engine/types/object-type.js";
import { JSONScalar } from "../../../engine/types/scalars.js";
import { SecurityEvent, SecurityEventStatus } from "./security-events.model.js";

@InputType({ description: "A security event that a program has seen." })
export class RecordSecurityEventInput {
  @Field(() => String, { description: "At most 50 characters, in the words of the OWASP Logging Vocabulary." })
  eventType!: string;
  @Field(() => SecurityEventStatus as never, { description: "How it turned out." })
  eventStatus!: keyof typeof SecurityEventStatus;
  @Field(() => String, { nullable: true, description: "Where it came from: IPv4 or IPv6." })
  ipAddress?: string | null;
  @Field(() => ID, { nullable: true, description: "Whom it concerns." })
  userId?: string | null;
  @Field(() => String, { nullable: true, description: "The program that called, at most 1,000 characters." })
  userAgent?: string | null;
  @Field(() => JSONScalar, { nullable: true, description: "Where the address is, at most 32,768 characters of JSON." })
  location?: unknown;
  @Field(() => JSONScalar, { nullable: true, description: "What else is known, at most 32,768 characters of JSON." })
  metadata?: unknown;
}

@ObjectType({ description: "The event that was recorded." })
export class RecordSecurityEventPayload {
  @Field(() => objectType(SecurityEvent), { description: "As it is kept." })
  securityEvent!: unknown;
}
