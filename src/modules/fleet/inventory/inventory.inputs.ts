/** Inputs that several mutations and queries of the fleet take: a label, and the length of what stands in place of an instance's id. */
import { z } from "zod";
import { inputObject } from "../../../values/inputs.js";

export const MAX_INPUT_IDENTIFIER = 255;

/** Whoever takes it checks the lengths. */
export const TagInput = inputObject("TagInput", "A label.", {
  key: z.string().describe("1 to 128 characters, not beginning with `aws:` or `rds:`."),
  value: z.string().describe("At most 256 characters."),
});
