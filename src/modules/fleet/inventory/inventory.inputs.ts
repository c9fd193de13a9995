/** What a client sends to say the environment of an instance or an account. */
import { z } from "zod";
import { nullable, text } from "../../../values/checked.js";
import { inputObject, showAs } from "../../../values/inputs.js";
import { Environment } from "./instance-objects.model.js";

export const MAX_IDENTIFIER = 255;

export const SetEnvironmentMappingInput = inputObject(
  "SetEnvironmentMappingInput",
  "What an instance or an account is for. Give instanceId or accountId, one of them.",
  {
    instanceId: nullable(showAs({ scalar: "ID" }, text(MAX_IDENTIFIER))).describe(
      "The instance: its id, or its identifier where that is unique.",
    ),
    accountId: nullable(text(64)).describe("The provider's account: counts for all of its instances."),
    environment: z.enum(Environment).nullish().describe("What it is for; null takes the mapping back."),
    reason: text(1000).regex(/\S/, "Say why.").describe("Why, at most 1,000 characters; kept in the audit log."),
    settles: nullable(text(40_000)).describe(
      "The `dispute` of the instance's environment that this settles. It is in dispute again once other facts contradict.",
    ),
  },
);

export type EnvironmentMapping = z.output<typeof SetEnvironmentMappingInput>;
