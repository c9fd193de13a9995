/** The input that reports a security event. */
import { z } from "zod";
import { checkedId, checkedJson, checkedText, nullable } from "../../../values/checked.js";
import { inputObject } from "../../../values/inputs.js";
import { SecurityEventStatus } from "./security-events.model.js";

export const RecordSecurityEventInput = inputObject(
  "RecordSecurityEventInput",
  "A security event that a program has seen.",
  {
    eventType: z
      .string()
      .regex(
        /^[A-Za-z][A-Za-z0-9_:.-]{0,49}$/,
        "Give at most 50 letters, digits, `_`, `:`, `.` or `-`, a letter first.",
      )
      .describe("At most 50 characters, in the words of the OWASP Logging Vocabulary."),
    eventStatus: z.enum(SecurityEventStatus).describe("The outcome of the event."),
    ipAddress: nullable(z.string().pipe(z.union([z.ipv4(), z.ipv6()], "Give an IPv4 or IPv6 address."))).describe(
      "The address it came from, IPv4 or IPv6.",
    ),
    userId: nullable(checkedId).describe("The id of the user it concerns."),
    userAgent: nullable(checkedText(1000, 0)).describe(
      "The user agent of the program that called, at most 1,000 characters.",
    ),
    location: nullable(checkedJson).describe("The location of the address, at most 32,768 characters of JSON."),
    metadata: nullable(checkedJson).describe("Other details, at most 32,768 characters of JSON."),
  },
);
