/** Labels of instances and snapshots: their form, as an input, and what a filter looks for. */
import { z } from "zod";
import { badUserInput } from "../errors.js";
import { checkedText } from "./checked.js";
import { inputObject } from "./inputs.js";

export interface Tag {
  readonly key: string;
  readonly value: string;
}

/** Labels as they are stored. Whoever takes them checks the lengths. */
export const tagList = z.array(z.object({ key: z.string(), value: z.string() })).readonly();

/** Whoever takes it checks it with `requireTags`. */
export const TagInput = inputObject("TagInput", "A label.", {
  key: z.string().describe("1 to 128 characters, not beginning with `aws:`, `rds:` or `postern:`."),
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

/** How many labels an instance or a snapshot may have. */
export const MAX_TAGS = 50;
const MAX_KEY = 128;
const MAX_VALUE = 256;
const RESERVED = /^(aws|rds|postern):/i;

/** @throws BAD_USER_INPUT, field `field` @param part what the text is: a `key` or a `value` */
function requireText(field: string, part: string, text: string, max: number): void {
  const characters = [...text].length;
  if (characters < 1 || characters > max) throw badUserInput(field, `Give a ${part} of 1 to ${max} characters.`);
  if (RESERVED.test(text)) {
    throw badUserInput(field, "The prefixes aws:, rds: and postern: are reserved: choose another text.");
  }
}

/**
 * @returns the labels unchanged
 * @throws BAD_USER_INPUT with the path of the first fault, such as `tags.0.key`
 */
export function requireTags(tags: readonly Tag[], max = MAX_TAGS): readonly Tag[] {
  if (tags.length > max) throw badUserInput("tags", `Give at most ${max} tags.`);
  const keys = new Set<string>();
  for (const [index, { key, value }] of tags.entries()) {
    requireText(`tags.${index}.key`, "key", key, MAX_KEY);
    requireText(`tags.${index}.value`, "value", value, MAX_VALUE);
    if (keys.has(key)) throw badUserInput(`tags.${index}.key`, "Another tag has this key already: give each key once.");
    keys.add(key);
  }
  return tags;
}

/** Labels that are added or changed, and the keys of those that are removed. The others stay. */
export interface TagChange {
  readonly tags: readonly Tag[];
  readonly removeKeys: readonly string[];
}

/** @throws BAD_USER_INPUT with the path of the first fault */
export function requireTagChange({ tags, removeKeys }: TagChange): void {
  if (tags.length + removeKeys.length === 0) throw badUserInput("tags", "Give tags, removeKeys, or both.");
  requireTags(tags);
  if (removeKeys.length > MAX_TAGS) throw badUserInput("removeKeys", `Give at most ${MAX_TAGS} keys.`);
  const kept = new Set(tags.map(({ key }) => key));
  for (const [index, key] of removeKeys.entries()) {
    const field = `removeKeys.${index}`;
    requireText(field, "key", key, MAX_KEY);
    if (kept.has(key)) throw badUserInput(field, "This key is among the tags too: either set it or remove it.");
    if (removeKeys.indexOf(key) < index) throw badUserInput(field, "This key is given already: give each key once.");
  }
}

/** @returns all labels after a change, those that were there first */
export function tagsAfter(before: readonly Tag[], { tags, removeKeys }: TagChange): readonly Tag[] {
  const byKey = new Map([...before, ...tags].map(({ key, value }) => [key, { key, value }]));
  for (const key of removeKeys) byKey.delete(key);
  return [...byKey.values()];
}

/** @returns how many labels count towards the limit: those of AWS itself do not */
export const countTags = (tags: readonly Tag[]): number => tags.filter(({ key }) => !/^(aws|rds):/i.test(key)).length;
