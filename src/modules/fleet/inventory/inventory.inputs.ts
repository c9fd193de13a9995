/** Inputs that several mutations and queries of the fleet take: a label, labels to look for, and the length of what stands in place of an instance's id. */
import { z } from "zod";
import { checkedText } from "../../../values/checked.js";
import { inputObject } from "../../../values/inputs.js";

export const MAX_INPUT_IDENTIFIER = 255;

/** Whoever takes it checks the lengths. */
export const TagInput = inputObject("TagInput", "A label.", {
  key: z.string().describe("1 to 128 characters, not beginning with `aws:` or `rds:`."),
  value: z.string().describe("At most 256 characters."),
});

const SoughtTag = z.strictObject(
  { key: checkedText(128), value: checkedText(256, 0).optional() },
  { error: 'A label to look for is `{ key: "Owner" }` or `{ key: "Owner", value: "shop" }`, and holds nothing else.' },
);

/** What a filter looks for among labels. */
export const SoughtTags = z
  .array(SoughtTag, { error: 'Give a list of labels, such as `[{ key: "Owner", value: "shop" }]`.' })
  .max(50, "Give at most 50 labels.");
