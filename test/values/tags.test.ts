/** What labels may be, and what becomes of them when some are set and some are removed. */
import { describe, expect, it } from "vitest";
import type { AppError } from "../../src/errors.js";
import { countTags, requireTagChange, requireTags, tagsAfter } from "../../src/values/tags.js";

const refusal = (act: () => unknown) => {
  try {
    act();
  } catch (error) {
    const { code, extensions, message } = error as AppError;
    return { code, field: extensions.field, message };
  }
  return "accepted";
};
describe("tags", () => {
  const tag = (key: string, value = "x") => ({ key, value });
  const many = (count: number) => Array.from({ length: count }, (_, index) => tag(`k${index}`));

  it.each([
    ["none", []],
    ["fifty", many(50)],
    ["keys that differ in case", [tag("Env"), tag("env")]],
    ["the longest, counted in characters", [tag("𝒌".repeat(128), "𝒗".repeat(256))]],
    ["a prefix that is only like a reserved one", [tag("awsome:x"), tag("my:aws:x", "arn:aws:rds:x")]],
  ])("may be %s", (_, tags) => {
    expect(requireTags(tags)).toEqual(tags);
  });

  it.each([
    ["fifty-one", many(51), "tags", /at most 50/],
    ["with an empty key", [tag("")], "tags.0.key", /1 to 128/],
    ["with too long a key", [tag("a"), tag("k".repeat(129))], "tags.1.key", /1 to 128/],
    ["with an empty value", [tag("a", "")], "tags.0.value", /1 to 256/],
    ["with too long a value", [tag("a", "v".repeat(257))], "tags.0.value", /1 to 256/],
    ["with a key of AWS", [tag("aws:x")], "tags.0.key", /reserved/],
    ["with a key of AWS in another case", [tag("AWS:x")], "tags.0.key", /reserved/],
    ["with a key of RDS", [tag("Rds:x")], "tags.0.key", /reserved/],
    ["with a key of Postern", [tag("postern:operation")], "tags.0.key", /reserved/],
    ["with a reserved value", [tag("a", "aws:x")], "tags.0.value", /reserved/],
    ["with a key twice", [tag("a"), tag("b"), tag("a", "y")], "tags.2.key", /once/],
  ])("may not be %s", (_, tags, field, message) => {
    expect(refusal(() => requireTags(tags))).toEqual({
      code: "BAD_USER_INPUT",
      field,
      message: expect.stringMatching(message),
    });
  });
});

describe("a change of tags", () => {
  const tag = (key: string, value = "x") => ({ key, value });
  const keys = (count: number) => Array.from({ length: count }, (_, index) => `k${index}`);

  it.each([
    ["nothing", [], [], "tags", /tags, removeKeys, or both/],
    ["a wrong tag", [tag("")], ["a"], "tags.0.key", /1 to 128/],
    ["an empty key to remove", [], ["a", ""], "removeKeys.1", /1 to 128/],
    ["too long a key to remove", [], ["k".repeat(129)], "removeKeys.0", /1 to 128/],
    ["a key of AWS to remove", [], ["aws:x"], "removeKeys.0", /reserved/],
    ["a key of Postern to remove", [], ["Postern:operation"], "removeKeys.0", /reserved/],
    ["a key to remove twice", [], ["a", "a"], "removeKeys.1", /once/],
    ["a key to set and to remove", [tag("a"), tag("b")], ["c", "b"], "removeKeys.1", /either set it or remove it/],
    ["fifty-one keys to remove", [], keys(51), "removeKeys", /at most 50/],
  ])("may not be of %s", (_, tags, removeKeys, field, message) => {
    expect(refusal(() => requireTagChange({ tags, removeKeys }))).toEqual({
      code: "BAD_USER_INPUT",
      field,
      message: expect.stringMatching(message),
    });
  });

  it("may be of tags, of keys to remove, and of fifty of both", () => {
    for (const change of [
      { tags: [tag("a")], removeKeys: [] },
      { tags: [], removeKeys: ["a"] },
      { tags: keys(50).map((key) => tag(key)), removeKeys: keys(50).map((key) => key.toUpperCase()) },
    ])
      expect(requireTagChange(change)).toBeUndefined();
  });

  it("adds, changes in place, removes, and leaves the others", () => {
    const before = [tag("a"), tag("b"), tag("c")];
    const change = { tags: [tag("d", "4"), tag("b", "2")], removeKeys: ["a", "absent"] };
    const after = [tag("b", "2"), tag("c"), tag("d", "4")];
    expect(tagsAfter(before, change)).toEqual(after);
    expect(tagsAfter(after, change), "again").toEqual(after);
  });

  it("counts what is not of AWS itself", () => {
    expect(countTags([tag("a"), tag("aws:x"), tag("RDS:y"), tag("postern:operation")])).toBe(2);
  });
});
