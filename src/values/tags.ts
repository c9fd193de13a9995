/** Labels of instances and snapshots: their form, as an input, and what a filter looks for. */
import { z } from "zod";
import { checkedText } from "./checked.js";
import { inputObject } from "./inputs.js";

export interface Tag {
  readonly key: string;
  readonly value: string;
}

/** Labels as they are stored. Whoever takes them checks the lengths. */
export const tagList = z.array(z.object({ key: z.string(), value: z.string() })).readonly();

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
