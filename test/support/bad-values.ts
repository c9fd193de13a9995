/** What no argument of a read may be, of each scalar and each input, and an app in which bad reads change nothing. */
import { type GraphQLInputObjectType, type GraphQLInputType, getNamedType, isListType, isNonNullType } from "graphql";
import { afterAll, beforeAll, expect } from "vitest";
import { type Bad, number, SECRET, word } from "../engine/read/bad-reads.js";
import { testApp } from "./app.js";
import { oneOfEach } from "./deep.js";

export const type = (what: string, value: unknown, at = ""): Bad => ({ what, value, kind: "type", at });

export const value = (what: string, value: unknown, at = ""): Bad => ({ what, value, kind: "value", at });

export const limit = (what: string, value: unknown, at: string): Bad => ({ what, value, kind: "limit", at });

export const UNSTORABLE = [`${SECRET}\0`, "\0", `${SECRET}\ud800`, "\udfff"].map((text) => value("not storable", text));

/** Of each scalar, what is no value of it. */
export const BAD: Record<string, readonly Bad[]> = {
  String: [...UNSTORABLE, type("no text", 1), type("no text", true), type("no text", { a: SECRET })],
  ID: [
    ...UNSTORABLE,
    ...["", SECRET, "-1", "01", "1.0", " 1", "1e3", "9223372036854775808", "9".repeat(40)].map((id) =>
      value("no key", id),
    ),
    type("no id", 1.5),
    type("no id", true),
    type("no id", [[1]]),
  ],
  Int: [2 ** 31, -(2 ** 31) - 1, 1.5, number("1e400"), number("99999999999999999999"), SECRET, "1", true].map((each) =>
    type("no Int", each),
  ),
  Float: [
    ...[SECRET, "1", true].map((each) => type("no number", each)),
    value("out of range", number("1e400")),
    value("out of range", number("-1e309")),
  ],
  Boolean: [SECRET, "true", 1].map((each) => type("no Boolean", each)),
  DateTime: [
    SECRET,
    "",
    "2026-01-01",
    "2026-02-30T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:60Z",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00+16:00",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+01:00",
    "10000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-01:00",
    "2026-01-01T00:00:00.1234567Z",
    "2026-01-01T00:00:00Z\0",
    "infinity",
    0,
    number("1e400"),
  ].map((each) => type("no moment", each)),
  JSON: [
    value("not storable", { a: [`${SECRET}\0`] }, "a.0"),
    value("not storable", { [`${SECRET}\0`]: 1 }),
    value("not storable", "\ud800"),
    value("out of range", { a: [number("1e400")] }, "a.0"),
    value("out of range", number("-1e400")),
  ],
};

export const ENUM = [word(SECRET), word("low"), 1, "\0"].map((each) => type("no member", each));

export const within = (path: readonly string[], inner: unknown): unknown =>
  path.reduceRight<unknown>((value, key) => (key === "[]" ? [value] : { [key]: value }), inner);

/** The same fault at a place below an argument. */
export const below = (path: readonly string[], { what, value, kind, at }: Bad): Bad => ({
  what,
  value: within(path, value),
  kind,
  at: kind === "limit" ? at : [...path.map((key) => (key === "[]" ? "0" : key)), at].filter(Boolean).join("."),
});

export const fieldsOf = (type: GraphQLInputType) =>
  Object.values((getNamedType(type) as GraphQLInputObjectType).getFields());

export const isOperators = (type: GraphQLInputType) =>
  "isNull" in (getNamedType(type) as GraphQLInputObjectType).getFields();

/** What a value of an operator can be instead. */
export function faultsOf(operand: GraphQLInputType): Bad[] {
  const named = isNonNullType(operand) ? operand.ofType : operand;
  if (isListType(named)) {
    const items = faultsOf(named.ofType).filter(({ what }) => what !== "null");
    return [
      ...items.map((item) => ({ ...below(["[]"], item), at: "" })),
      type("a list with null", [null]),
      value("null", null),
    ];
  }
  return [...(BAD[String(named)] ?? ENUM), value("null", null)];
}

/** A batch at a time. */
export const chunks = <T>(all: readonly T[], size = 20): T[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, n) => all.slice(n * size, (n + 1) * size));

/** Starts an app for the calling file, which checks at the end that no row has changed and that no secret was logged. */
export function useUnchangedApp() {
  const app = testApp();
  async function state(): Promise<Record<string, string>> {
    const tables = await app.sql`select tablename from pg_tables where schemaname = 'public' order by 1`;
    const parts = tables.map(
      ({ tablename }) =>
        `(select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from ${tablename} t) as ${tablename}`,
    );
    return (await app.sql.unsafe(`select ${parts.join()}`))[0] as Record<string, string>;
  }
  let before: Awaited<ReturnType<typeof state>>;
  beforeAll(async () => {
    for (const who of ["admin", "viewer", "security"] as const) await app.as(who);
    before = await state();
  });
  afterAll(async () => {
    // Refusals for want of a permission are on record, and so are calls that would change something.
    const { security_events, audit_logs, row_changes, ...others } = await state();
    const kept = { security_events: undefined, audit_logs: undefined, row_changes: undefined };
    expect(others).toEqual({ ...before, ...kept });
    expect(app.log.filter(({ level }) => level >= 50)).toEqual([]);
    expect(JSON.stringify(app.log)).not.toContain(SECRET);
  });
  const queries = () => Object.values(app.schema.getQueryType()!.getFields());
  const lists = () =>
    queries().filter(({ args, type }) => /Connection/.test(String(type)) && args.some(({ name }) => name === "filter"));
  /** Each operator and each root field gets each kind of fault, and each value goes to some of them. */
  const spread = (faults: readonly Bad[], turn: number) => oneOfEach(faults, ({ what }) => what, turn);

  return {
    app,
    queries,
    lists,
    spread,
  };
}
