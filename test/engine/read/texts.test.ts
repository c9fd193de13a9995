/** How texts compare: parts are found in any case and composed or not, what is unique in any case equals so, patterns are folded once. */
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { type Client, testApp } from "../../support/app.js";
import { cases } from "../../support/deep.js";

const app = testApp();
let admin: Client;
beforeAll(async () => {
  admin = await app.as("admin");
});

const FIND = `query($filter: VulnerabilityFilter) { vulnerabilities(filter: $filter) { totalCount } }`;

/** @returns whether a row with this title meets all the conditions, each on its title */
async function meets(title: string, conditions: readonly object[]): Promise<boolean> {
  await app.sql`update vulnerabilities set title = ${title} where id = 1`;
  const filter = { id: { eq: "1" }, and: conditions.map((condition) => ({ title: condition })) };
  const { data, errors } = await admin.run(FIND, { filter });
  expect(errors).toBeUndefined();
  return data.vulnerabilities.totalCount === 1;
}

const GRAPHEMES = new Intl.Segmenter("und", { granularity: "grapheme" });

/** How somebody else may write the same. Unicode changes the case of what is normalized; else accents below a letter may trade places. */
const FORMS: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => text.normalize("NFC"),
  (text) => text.normalize("NFD"),
  (text) => text.normalize("NFD").toUpperCase(),
  (text) => text.normalize("NFC").toLowerCase(),
];

/** Letters with cases that depend on neighbours or change their length, accents, syllables, signs, and what LIKE reads. */
const AWKWARD = [
  ..."ΑΣσςοδ ẞßsSİIıi\u0307ſﬁﬀŉǰΐΰᾳᾼῼµKÅΩéÉẽ\u0301\u0302\u0327\u0328각힣\u1100\u1161\u11a8नि\u0903กำ👩\u200d💻🇳🇱%_\\'\"\n\r.",
];
/** Scripts whose cases PostgreSQL's ICU knows as Node does, whichever is newer. */
const RANGES = [
  [0x20, 0x17f],
  [0x1cd, 0x1dc],
  [0x300, 0x36f],
  [0x386, 0x3ff],
  [0x400, 0x52f],
  [0x531, 0x556],
  [0x1e00, 0x1fff],
  [0xac00, 0xac7f],
] as const;
const characters = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...AWKWARD) },
  {
    weight: 2,
    arbitrary: fc
      .oneof(...RANGES.map(([min, max]) => fc.integer({ min, max })))
      .map((code) => String.fromCodePoint(code))
      .filter((character) => !/\p{Cn}/u.test(character)),
  },
);

describe("a text contains, starts and ends with each of its parts, in any case, composed or not", () => {
  it.each([
    ["ΟΔΟΣΑ", { startsWith: "ΟΔΟΣ" }],
    ["οδοσα", { startsWith: "ΟΔΟΣ" }],
    ["η οδος", { endsWith: "ΟΔΟΣ" }],
    ["οδος α", { contains: "οδοσ" }],
    ["Straße", { contains: "STRASSE" }],
    ["STRASSE", { endsWith: "aße" }],
    ["GROẞ", { endsWith: "oß" }],
    ["groß", { endsWith: "OẞS".slice(0, 2) }],
    ["MASSE", { contains: "maẞe" }],
    ["İstanbul", { startsWith: "İSTANBUL".toLowerCase() }],
    ["ısı", { contains: "ISI" }],
    ["ISI", { contains: "ısı" }],
    ["ﬁn", { startsWith: "FI" }],
    ["FIN", { startsWith: "ﬁ" }],
    ["\u00e9t\u00e9", { endsWith: "E\u0301" }],
    ["e\u0301te\u0301", { startsWith: "\u00c9T" }],
    ["q\u0307\u0323", { contains: "Q\u0323\u0307" }],
    ["ΐ", { contains: "\u0399\u0308\u0301" }],
    ["\u03aa\u0301", { contains: "\u0390" }],
    ["\uac01", { contains: "\u1100\u1161\u11a8" }],
    ["100% ﬁ_\\", { endsWith: "% FI_\\" }],
  ])("%j %j", async (title, condition) => expect(await meets(title, [condition])).toBe(true));

  it.each([
    ["an accent belongs to its letter", "\u00e9", { contains: "e" }],
    ["however it is composed", "e\u0301", { startsWith: "e" }],
    ["and where others follow", "cafe\u0301s", { contains: "fe" }],
    ["no part is longer than the text", "STRASSE", { contains: "straßee" }],
    ["% means itself", "100 ﬁ", { contains: "0%FI" }],
    ["_ means itself", "aﬁ", { startsWith: "_" }],
    ["\\ means itself", "\\%", { contains: "\\\\" }],
  ])("%s", async (_, title, condition) => expect(await meets(title, [condition])).toBe(false));

  it("whatever the text", async () => {
    const texts = fc.string({ unit: characters, minLength: 1, maxLength: 12 });
    const cuts = fc.tuple(fc.nat(), fc.nat());
    await fc.assert(
      fc.asyncProperty(texts, cuts, async (text, [one, other]) => {
        const whole = [...GRAPHEMES.segment(text)].map(({ segment }) => segment);
        const [from, to] = [one % (whole.length + 1), other % (whole.length + 1)].sort((a, b) => a - b);
        const conditions = FORMS.flatMap((form) => [
          { contains: form(whole.slice(from, to).join("")) },
          { startsWith: form(whole.slice(0, to).join("")) },
          { endsWith: form(whole.slice(from).join("")) },
        ]);
        expect(await meets(text, conditions)).toBe(true);
      }),
      { numRuns: cases(200, 4000), seed: 20_261_129 },
    );
  }, 600_000);
});

describe("equality of what is unique in any case goes by that", () => {
  const emails = async (email: object, who = admin) => {
    const query = "query($filter: UserFilter) { users(filter: $filter, orderBy: [{ field: ID }]) { nodes { email } } }";
    const { data, errors } = await who.run(query, { filter: { email } });
    expect(errors).toBeUndefined();
    return data.users.nodes.map((node: { email: string }) => node.email);
  };

  it("e-mail addresses", async () => {
    const all = await emails({});
    expect(all).toContain("dba@demo.example");
    const others = all.filter((email: string) => email !== "dba@demo.example");
    expect(await emails({ eq: "DBA@Demo.Example" })).toEqual(["dba@demo.example"]);
    expect(await emails({ in: ["nobody@demo.example", "DBA@DEMO.EXAMPLE"] })).toEqual(["dba@demo.example"]);
    expect(await emails({ ne: "DBA@Demo.Example" })).toEqual(others);
    expect(await emails({ notIn: ["DBA@Demo.Example"] })).toEqual(others);
    // Comparisons and orders are the database's.
    expect(await emails({ gte: "a", lt: "DBA@demo.example" })).toEqual([]);
  });

  it("domains, across a relation and in changes too", async () => {
    const query = `query($domain: StringFilter) { organizations(filter: { domain: $domain }) { nodes { domain } }
      scans(filter: { organization: { domain: $domain } }) { totalCount } }`;
    const { data } = await admin.run(query, { domain: { eq: "DEMO.Example" } });
    const [{ n }] = (await app.sql`select count(*)::int as n from scans where organization_id = 1`) as unknown as [
      { n: number },
    ];
    expect(data).toEqual({ organizations: { nodes: [{ domain: "demo.example" }] }, scans: { totalCount: n } });
    const change = `mutation($n: Int!) { updateOrganizations(input: {
      filter: { domain: { in: ["CLINIC.demo.EXAMPLE"] } }, expectedCount: $n, changes: { subscriptionTier: "PRO" } }) { __typename } }`;
    expect((await admin.run(change, { n: 0 })).errors?.[0]?.message).toMatch(/\b1\b/);
  });

  it("is served by the unique index", async () => {
    app.statements.length = 0;
    await emails({ eq: "DBA@Demo.Example" });
    await emails({ in: ["DBA@Demo.Example"] });
    expect(app.statements).toHaveLength(2);
    for (const text of app.statements) expect(await planOf(text)).toContain("users_email_key");
  });
});

/** @returns how PostgreSQL runs a statement as a prepared one, for whatever values */
async function planOf(text: string): Promise<string> {
  const count = Math.max(...[...text.matchAll(/\$(\d+)/g)].map(([, n]) => Number(n)));
  const connection = await app.sql.reserve();
  try {
    await connection.unsafe("set plan_cache_mode = force_generic_plan; set enable_seqscan = off");
    await connection.unsafe(`prepare looked_at as ${text}`).simple();
    const lines = await connection.unsafe(`explain execute looked_at(${Array(count).fill("null").join()})`).simple();
    return lines.map((line) => line["QUERY PLAN"]).join("\n");
  } finally {
    await connection.unsafe("deallocate all; reset all").simple();
    connection.release();
  }
}

it.each([
  ["of the list's rows", { title: { contains: "É" } }],
  ["of rows that they refer to", { scan: { targetUrl: { startsWith: "É" } } }],
  ["of rows that refer to those", { scan: { vulnerabilities: { some: { title: { endsWith: "É" } } } } }],
])("a part is folded once for a statement, not for each row: %s", async (_, filter) => {
  app.statements.length = 0;
  await admin.run(FIND, { filter });
  expect(app.statements).toHaveLength(1);
  const plan = await planOf(app.statements[0]!);
  // Rows are compared with a value that is computed before: `$n (returns $n)` is an initial plan's.
  expect(plan).toMatch(/InitPlan \d+ \(returns \$\d+\)/);
  expect(plan).toMatch(/~~ \$\d+\)/);
});
