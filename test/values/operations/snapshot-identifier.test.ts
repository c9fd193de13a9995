/** Names of snapshots, given and generated. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AppError } from "../../../src/errors.js";
import {
  generateSnapshotIdentifier,
  requireSnapshotIdentifier,
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
