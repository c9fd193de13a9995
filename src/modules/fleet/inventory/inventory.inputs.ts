/** The input that sets the environment of an instance or an account. */
import { z } from "zod";
import { checkedText, nullable } from "../../../values/checked.js";
import { inputObject, showAs } from "../../../values/inputs.js";
import { Environment } from "./instance-objects.model.js";

export const MAX_INPUT_IDENTIFIER = 255;

export const SetEnvironmentMappingInput = inputObject(
  "SetEnvironmentMappingInput",
  "The environment of an instance or of an account. Give either instanceId or accountId.",
  {
    instanceId: nullable(showAs({ scalar: "ID" }, checkedText(MAX_INPUT_IDENTIFIER))).describe(
      "The instance: its id, or its identifier where that is unique.",
    ),
    accountId: nullable(checkedText(64)).describe(
      "The provider's account. The mapping counts for all of its instances.",
    ),
    environment: z.enum(Environment).nullish().describe("The environment; null takes the mapping back."),
    reason: checkedText(1000)
      .regex(/\S/, "Say why.")
      .describe("The reason, at most 1,000 characters. The audit log keeps it."),
    settles: nullable(checkedText(40_000)).describe(
      "The `dispute` of the instance's environment that this settles. New facts that contradict the mapping open it again.",
    ),
  },
);

export type EnvironmentMapping = z.output<typeof SetEnvironmentMappingInput>;
