/** Awkward values, few and with many ties, of which the rows of generated worlds are made: the same at every run. */

/** Texts that SQL, LIKE, JSON or a collation could get wrong. */
export const TEXTS = [
  "",
  " ",
  "a",
  "A",
  "ab",
  "aB%",
  "%",
  "_",
  "a_b",
  "axb",
  "\\",
  "a\\%b",
  "'",
  '"quoted"',
  "line\nbreak\ttab",
  "é",
  "É",
  "e\u0301te",
  "x\u0302y",
  "ΟΔΟΣΑ",
  "οδος",
  "Straße",
  "GROẞ",
  "MASSE",
  "İstanbul ısı",
  "ﬁn",
  "ᾳ ΐ",
  "각\u1100\u1161\u11a8",
  "漢字",
  "😀 end",
  "\uFFFD",
  "null",
  "Z",
  "zebra",
] as const;

/** The organization that looks on. */
export const OURS = "1";

/** Moments that differ by a microsecond, or not at all. */
export const MOMENTS = [
  "2026-03-01T10:00:00.000000Z",
  "2026-03-01T10:00:00.000001Z",
  "2026-03-01T10:00:00.999999Z",
  "2026-03-01T10:00:00.000000Z",
  "2026-02-28T23:59:59.999999Z",
  "2026-03-02T00:00:00.000000Z",
  "2026-03-30T00:00:00.5Z",
  "2025-12-31T23:30:00.123456Z",
] as const;

export const NUMBERS = [0, -1.5, 0.1, 1e-7, 123456.789, 1e15, -2.25, 0.1, 42, 42, 1e300, -1e300, 1.2e306] as const;

/** Numbers whose sums are exact in every order, for the organization that compares bytes. */
const EXACT = [0, -1.5, 0.125, 123456.75, 1e12, -2.25, 42, 42, 1e300] as const;
export const numberOf = (organization: number | null, n: number) => pick(organization === 1 ? EXACT : NUMBERS, n);

export const JSONS = [
  '{"type": "user", "id": "1", "roles": ["a", "b"], "deep": {"n": 1.5, "none": null}}',
  '{"type": "system"}',
  '{"a": {"b": [1, 2, {"c": "x"}]}, "text": "quote \\" é 😀"}',
  "[1, 2, 3]",
  '["x", {"y": []}]',
  '"text"',
  "12.50",
  "true",
  "null",
  "{}",
  "[]",
] as const;

/** For columns that are never absent, as the API says it: JSON's null would be. */
export const PRESENT_JSONS = JSONS.filter((text) => text !== "null");

/** Item n of an endless, uneven repetition of a list. */
export const pick = <T>(list: readonly T[], n: number): T => list[(n * 7 + Math.floor(n / 5)) % list.length] as T;
export const sometimes = <T>(value: T, n: number, every: number): T | null => (n % every === 0 ? null : value);
export const range = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Keys of what is inserted here begin at this one. */
export const FIRST = 1001;
export const ids = (count: number) => range(count).map((n) => FIRST + n);

/** Ids of organizations: one has no rows at all, and the others share with the demo's. */
export const ORGANIZATIONS = ids(3);

/** Staff belong to none. */
export const USERS = [
  ["VIEWER", 1],
  ["ANALYST", 1],
  ["VIEWER", 2],
  ["ANALYST", FIRST],
  ["VIEWER", FIRST + 1],
  ["DBA", null],
  ["ADMIN", null],
  ["SECURITY", 1],
] as const;
