/** Cursors that are none, of another list or order, or tampered with: refused by name. */
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { testApp } from "../../support/app.js";
import { cases, isDeep, some } from "../../support/deep.js";
import { insertInstance } from "../../support/fleet-port.js";
import { literal, number, send, json as written } from "./bad-reads.js";

const app = testApp();

/** Lists by terms of every kind; after the terms stands the id. */
const LISTS = {
  scans: { field: "scans", order: [], kinds: ["dateTime"] },
  figures: { field: "scans", order: ["VULNERABILITIES_FOUND", "STATUS"], kinds: ["int", "enum"] },
  texts: { field: "scans", order: ["TARGET_URL"], kinds: ["string"] },
  related: { field: "scans", order: ["ORGANIZATION_NAME", "ORGANIZATION_CREATED_AT"], kinds: ["string?", "dateTime?"] },
  metrics: { field: "analyticsMetrics", order: ["VALUE"], kinds: ["float"] },
  findings: { field: "vulnerabilities", order: ["DESCRIPTION"], kinds: ["string?"] },
  instances: { field: "instances", order: ["MULTI_AZ", "STORAGE_GIB"], kinds: ["boolean", "int?"] },
  records: { field: "auditLogs", order: ["RESOURCE_ID", "DURATION_SECONDS"], kinds: ["string?", "float?"] },
  users: { field: "users", order: [], kinds: ["dateTime"] },
} as const;
type Name = keyof typeof LISTS;

const listOf = (name: Name, page: string) => {
  const { field, order } = LISTS[name];
  const terms = order.length > 0 ? `, orderBy: [${order.map((term) => `{ field: ${term} }`)}]` : "";
  return `${field}(${page}${terms}) { nodes { id } pageInfo { hasNextPage endCursor } }`;
};

const cursors = {} as Record<Name, string>;
beforeAll(async () => {
  await insertInstance(app, "TEST");
  await app.sql`insert into audit_logs (actor, action, resource_type, resource_id, duration_seconds) values ('{}', 'a', 'r', 'x', 0.5)`;
  const admin = await app.as("admin");
  for (const name of Object.keys(LISTS) as Name[]) {
    const { data, errors } = await admin.run(`{ list: ${listOf(name, "first: 1")} }`);
    expect(errors).toBeUndefined();
    cursors[name] = data.list.pageInfo.endCursor;
  }
});

const decoded = (cursor: string): unknown[] => JSON.parse(Buffer.from(cursor, "base64url").toString());
const encoded = (json: string) => Buffer.from(json).toString("base64url");

/** @returns whether the cursor was taken; otherwise it was refused as it must be */
async function taken(name: Name, argument: "after" | "before", cursor: string): Promise<boolean> {
  const document = `query($cursor: String) { ${listOf(name, `${argument}: $cursor`)} }`;
  const { status, codes, errors, text } = await send(app, "admin", document, written({ cursor }));
  if (status === 200) {
    expect(codes, text).toEqual([]);
    return true;
  }
  expect([status, ...codes, errors[0]?.extensions.field], JSON.stringify(cursor)).toEqual([
    400,
    "BAD_USER_INPUT",
    argument,
  ]);
  expect(text).not.toMatch(/hunter2|\\u0000|\\ud|INTERNAL|select /i);
  return false;
}

const refused = async (name: Name, cursor: string) => {
  for (const argument of ["after", "before"] as const) {
    expect(await taken(name, argument, cursor), `${name} ${argument} ${JSON.stringify(cursor)}`).toBe(false);
  }
};

describe.each(Object.keys(LISTS) as Name[])("%s", (name) => {
  it("its own is taken, those of other lists and orders are refused", async () => {
    expect(await taken(name, "after", cursors[name])).toBe(true);
    for (const other of Object.keys(LISTS) as Name[]) if (other !== name) await refused(name, cursors[other]);
  });

  it("cut off anywhere, or with anything behind it", async () => {
    const cursor = cursors[name];
    const parts = some(
      [...cursor].map((_, length) => cursor.slice(0, length)),
      3,
    );
    expect(await Promise.all(parts.map((part) => taken(name, "after", part)))).not.toContain(true);
    for (const more of ["A", "AA", "AAAA", "=", "==", " ", "\n", "!", "%", "\0", "\ud800", "é", "🦄", cursor]) {
      await refused(name, cursor + more);
      await refused(name, more + cursor);
    }
  });

  it("with any byte changed", async () => {
    const bytes = Buffer.from(cursors[name], "base64url");
    const flips = some([...bytes.keys()], 3).map((at) => {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1 << (at % 8);
      return changed.toString("base64url");
    });
    const outcomes = await Promise.all(flips.map((cursor) => taken(name, "after", cursor)));
    expect(outcomes).not.toContain(true);
    const characters = some([...Array(cursors[name].length).keys()], 3).map((at) => {
      const [before, behind] = [cursors[name].slice(0, at), cursors[name].slice(at + 1)];
      return `${before}*${behind}`;
    });
    expect(await Promise.all(characters.map((cursor) => taken(name, "before", cursor)))).not.toContain(true);
  });

  const VALUES = [
    ...[
      null,
      true,
      0,
      -1,
      1.5,
      2 ** 31,
      -(2 ** 31) - 1,
      number("1e400"),
      number("-1e309"),
      number("99999999999999999999"),
    ],
    ...[
      "",
      "1",
      "-1",
      "01",
      "9223372036854775807",
      "9223372036854775808",
      "1' or '1'='1",
      "\0",
      "a\0",
      "\ud800",
      "a\udfff",
      "x".repeat(10_000),
    ],
    ...[
      "COMPLETED",
      "completed",
      "2026-01-05T08:00:00.000001Z",
      "2026-13-45T00:00:00Z",
      "0000-01-01T00:00:00Z",
      "10000-01-01T00:00:00Z",
      "infinity",
    ],
    ...[[], {}, [1], { a: 1 }],
  ];
  it("with other values inside", async () => {
    const [signature, ...rest] = decoded(cursors[name]);
    const [terms, seal] = [rest.slice(0, -1), rest.at(-1)];
    expect(terms).toHaveLength(LISTS[name].kinds.length + 1);
    for (const index of terms.keys()) {
      // In the short form each value stands for some of the terms.
      for (const value of VALUES.filter((_, n) => isDeep || (n + index) % 3 === 0)) {
        const changed = [signature, ...terms.with(index, value)];
        for (const cursor of [changed, [...changed, seal]].map((array) => encoded(written(array)))) {
          expect(await taken(name, "after", cursor), `${index} ${literal(value).slice(0, 50)}`).toBe(
            cursor === cursors[name],
          );
        }
      }
    }
    for (const array of [
      [],
      [signature],
      [signature, ...terms.slice(1)],
      [signature, ...terms, "1"],
      terms,
      [[signature], ...terms],
    ]) {
      await refused(name, encoded(written(array)));
    }
    for (const other of ["null", "{}", '""', "1", `{"0":${written(signature)},"length":${terms.length + 1}}`]) {
      await refused(name, encoded(other));
    }
    // No text in UTF-8.
    await refused(
      name,
      Buffer.from([0xff, 0xfe, ...Buffer.from(written([signature, ...terms]))]).toString("base64url"),
    );
  });
});

it("whatever stands for a cursor, it is refused by name", async () => {
  const names = fc.constantFrom(...(Object.keys(LISTS) as Name[]));
  const anything = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }).map((text) => () => text),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => () => Buffer.from(bytes).toString("base64url")),
    fc.jsonValue().map((value) => () => encoded(JSON.stringify(value))),
    fc
      .array(fc.oneof(fc.jsonValue(), fc.string({ unit: "binary" }), fc.double(), fc.maxSafeInteger()), {
        maxLength: 4,
      })
      .map((values) => (cursor: string) => encoded(JSON.stringify([decoded(cursor)[0], ...values]))),
    fc
      .tuple(fc.nat(), fc.oneof(fc.jsonValue(), fc.string({ unit: "binary" }), fc.double(), fc.bigInt().map(String)))
      .map(([at, value]) => (cursor: string) => {
        const terms = decoded(cursor);
        return encoded(JSON.stringify(terms.with(1 + (at % (terms.length - 1)), value)));
      }),
    fc.tuple(fc.nat(), fc.nat(), fc.base64String({ maxLength: 12 })).map(
      ([from, length, text]) =>
        (cursor: string) =>
          cursor.slice(0, from % cursor.length) + text + cursor.slice((from % cursor.length) + (length % 12)),
    ),
  );
  await fc.assert(
    fc.asyncProperty(
      names,
      fc.constantFrom("after" as const, "before" as const),
      anything,
      async (name, argument, make) => {
        const cursor = make(cursors[name]);
        expect(await taken(name, argument, cursor)).toBe(cursor === cursors[name]);
      },
    ),
    { numRuns: cases(60, 600), seed: 4 },
  );
  expect(app.log.filter(({ level }) => level >= 50)).toEqual([]);
});
