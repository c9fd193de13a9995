/** Names of snapshots, given and generated, and the tags they may carry. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AppError } from "../../../src/errors.js";
import {
  generateSnapshotIdentifier,
  requireSnapshotIdentifier,
  requireSnapshotTags,
} from "../../../src/values/operations/snapshot-identifier.js";

const refusal = (act: () => unknown) => {
  try {
    act();
  } catch (error) {
    const { code, extensions, message } = error as AppError;
    return { code, field: extensions.field, message };
  }
  return "accepted";
};

describe("an identifier", () => {
  it.each(["a", "Z", "orders-db", "Before-Upgrade-15", "a1", "a-1-b", "a".repeat(255)])("may be %s", (identifier) => {
    expect(requireSnapshotIdentifier(identifier)).toBe(identifier);
  });

  it.each([
    ["", /^Give 1 to 255 characters/],
    ["a".repeat(256), /^Give 1 to 255 characters/],
    ["rds:orders-2026", /rds:/],
    ["RDS:orders-2026", /rds:/],
    ["1orders", /a letter first/],
    ["-orders", /a letter first/],
    ["orders-", /a letter first/],
    ["orders--db", /a letter first/],
    ["orders_db", /a letter first/],
    ["orders db", /a letter first/],
    ["orders.db", /a letter first/],
    ["orders\n", /a letter first/],
    ["örders", /a letter first/],
    ["ａ", /a letter first/],
    ["orders-١", /a letter first/],
    ["arn:aws:rds:x", /a letter first/],
  ])("may not be %j", (identifier, message) => {
    expect(refusal(() => requireSnapshotIdentifier(identifier))).toEqual({
      code: "BAD_USER_INPUT",
      field: "snapshotId",
      message: expect.stringMatching(message),
    });
  });
});

describe("a generated identifier", () => {
  const NOW = new Date("2026-08-01T03:15:09.876Z");

  it.each([
    ["orders-db", "orders-db-20260801-031509-9f3a1c"],
    ["Orders_DB.1", "orders-db-1-20260801-031509-9f3a1c"],
    ["15-main", "snapshot-15-main-20260801-031509-9f3a1c"],
    ["--db--", "snapshot-db-20260801-031509-9f3a1c"],
    ["", "snapshot-20260801-031509-9f3a1c"],
    ["データ", "snapshot-20260801-031509-9f3a1c"],
    ["a".repeat(255), `${"a".repeat(232)}-20260801-031509-9f3a1c`],
    [`${"a".repeat(231)}-b`, `${"a".repeat(231)}-20260801-031509-9f3a1c`],
  ])("of %s", (instance, identifier) => {
    expect(generateSnapshotIdentifier(instance, NOW, "9f3a1c")).toBe(identifier);
  });

  it("differs within a second by its random digits, and by the second", () => {
    const at = (iso: string, digits: string) => generateSnapshotIdentifier("db", new Date(iso), digits);
    const names = [
      at("2026-08-01T03:15:09Z", "aaaaaa"),
      at("2026-08-01T03:15:09Z", "bbbbbb"),
      at("2026-08-01T03:15:10Z", "aaaaaa"),
    ];
    expect(new Set(names).size).toBe(3);
  });

  it("is always valid", () => {
    const names = fc.oneof(
      fc.string({ maxLength: 300 }),
      fc.string({ unit: fc.constantFrom("a", "-", "9", "_", "Z"), maxLength: 300 }),
    );
    const digits = fc.stringMatching(/^[0-9a-f]{6}$/);
    const moments = fc.date({ min: new Date("2000-01-01"), max: new Date("2200-01-01"), noInvalidDate: true });
    fc.assert(
      fc.property(names, moments, digits, (name, now, digits) => {
        const identifier = generateSnapshotIdentifier(name, now, digits);
        expect(identifier).toMatch(/^(?!.*--)(?!.*-$)[A-Za-z][A-Za-z0-9-]{0,254}$/);
        expect(requireSnapshotIdentifier(identifier)).toBe(identifier);
      }),
      { seed: 20_261_121, numRuns: 1000 },
    );
  });
});

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
    expect(requireSnapshotTags(tags)).toEqual(tags);
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
    ["with a reserved value", [tag("a", "aws:x")], "tags.0.value", /reserved/],
    ["with a key twice", [tag("a"), tag("b"), tag("a", "y")], "tags.2.key", /once/],
  ])("may not be %s", (_, tags, field, message) => {
    expect(refusal(() => requireSnapshotTags(tags))).toEqual({
      code: "BAD_USER_INPUT",
      field,
      message: expect.stringMatching(message),
    });
  });
});
