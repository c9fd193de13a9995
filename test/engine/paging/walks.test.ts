/** Walking a list page by page gives the rows of one plain SQL query: every list, both ways, in any order, while rows come and go. */
import { beforeAll, describe, expect, it } from "vitest";
import { keyOf } from "../../specimens/specimen.js";
import { type Somebody, testApp } from "../../support/app.js";
import { chunks } from "../../support/chunks.js";
import { isDeep, some } from "../../support/deep.js";
import { LISTS, type List, orderInSql, ordersOf, ROWS, type Term, termsOf } from "./lists.js";

const app = testApp();

beforeAll(async () => {
  // Signing in leaves records, which would come between.
  for (const who of ["admin", "viewer"] as const) await app.as(who);
  await app.sql.begin((sql) => sql.unsafe(ROWS).simple());
});

async function idsOf(who: Somebody, list: List, order: readonly string[]): Promise<string[]> {
  const { table, parent, own } = list;
  const where = `${parent?.condition ?? "true"} and ${who === "viewer" ? own : "true"}`;
  const rows = await app.sql.unsafe(
    `select ${keyOf(list.specimen)}::text as id from ${table} t where ${where} order by ${orderInSql(list, order)}`,
  );
  return rows.map(({ id }) => id);
}

interface Page {
  totalCount: number;
  nodes: { id: string }[];
  edges: { cursor: string; node: { id: string } }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
}

const PAGE = `totalCount nodes { id } edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`;

type Names = readonly [size: string, cursor: string];
type Variables = (list: List) => { size: number; cursor: string | null; orderBy: Term[] | null };

/** One page of each list, of many lists in one request. */
async function pagesOf(who: Somebody, lists: readonly List[], names: Names, variables: Variables): Promise<Page[]> {
  const pages = chunks(lists, 19).map((some) => pagesAtOnce(who, some, names, variables));
  return (await Promise.all(pages)).flat();
}

async function pagesAtOnce(
  who: Somebody,
  lists: readonly List[],
  [size, cursor]: Names,
  variables: Variables,
): Promise<Page[]> {
  const parts = lists.map(({ field, parent, specimen }) => {
    const n = LISTS.findIndex((list) => list.field === field && list.parent?.field === parent?.field);
    const list = `l${n}: ${field}(${size}: $n${n}, ${cursor}: $c${n}, orderBy: $o${n}) { ${PAGE} }`;
    return {
      n,
      declared: `$n${n}: Int, $c${n}: String, $o${n}: [${specimen.type.name}Order!]`,
      text: parent ? `p${n}: ${parent.field}(id: ${parent.id}) { ${list} }` : list,
      nested: parent !== undefined,
    };
  });
  const given = Object.fromEntries(
    parts.flatMap(({ n }, index) => {
      const { size, cursor, orderBy } = variables(lists[index]!);
      return [
        [`n${n}`, size],
        [`c${n}`, cursor],
        [`o${n}`, orderBy],
      ];
    }),
  );
  const document = `query(${parts.map(({ declared }) => declared).join()}) { ${parts.map(({ text }) => text).join(" ")} }`;
  const { data, errors } = await (await app.as(who)).run(document, given);
  expect(errors).toBeUndefined();
  return parts.map(({ n, nested }) => (nested ? data[`p${n}`] : data)[`l${n}`]);
}

const FORWARDS = ["first", "after"] as const;
const BACKWARDS = ["last", "before"] as const;

const listsOf = (who: Somebody) => LISTS.filter(({ own }) => who === "admin" || own !== undefined);

it("knows every list of the API", () => {
  const all = Object.values(app.schema.getTypeMap()).flatMap((type) =>
    "getFields" in type
      ? Object.values(type.getFields())
          .filter((field) => /Connection!?$/.test(String(field.type)))
          .map((field) => `${type.name}.${field.name}`.replace(/^Query\./, "").toLowerCase())
      : [],
  );
  const named = LISTS.map(({ parent, field }) => `${parent ? `${parent.field}.` : ""}${field}`.toLowerCase());
  expect(named.sort(), "each has a specimen, with whom it refers to").toEqual(all.sort());
});

describe.each(["admin", "viewer"] as const)("as %s", (who) => {
  describe.each([1, 7, 100])("in pages of %i", (size) => {
    // Single rows take the most requests: in the short form each walks them one way, and the administrator, who has the most rows,
    // every third list. The other sizes walk all.
    const isShort = size === 1 && !isDeep;
    it.each([
      ...(isShort && who === "viewer" ? [] : [["forwards", FORWARDS] as const]),
      ...(isShort && who === "admin" ? [] : [["backwards", BACKWARDS] as const]),
    ])("%s", async (way, names) => {
      const walk = async (n: number) => {
        const order = (list: List) => ordersOf(list)[n]!;
        const expected = new Map<List, string[]>();
        const walked = some(listsOf(who), size === 1 && who === "admin" ? 3 : 1);
        for (const list of walked) expected.set(list, await idsOf(who, list, order(list)));
        const cursors = new Map<List, string | null>();
        let lists = walked;
        for (let page = 0; lists.length > 0; page++) {
          const pages = await pagesOf(who, lists, names, (list) => ({
            size,
            cursor: cursors.get(list) ?? null,
            orderBy: order(list).length > 0 ? termsOf(order(list)) : null,
          }));
          for (const [index, list] of lists.entries()) {
            const { totalCount, nodes, edges, pageInfo } = pages[index]!;
            const all = expected.get(list)!;
            const [start, end] =
              way === "forwards"
                ? [page * size, (page + 1) * size]
                : [all.length - (page + 1) * size, all.length - page * size];
            const ids = all.slice(Math.max(start, 0), Math.max(end, 0));
            const said = {
              totalCount,
              nodes: nodes.map(({ id }) => id),
              edges: edges.map(({ node }) => node.id),
              pageInfo,
            };
            expect(said, `${list.parent?.field}.${list.field} by ${order(list)} page ${page}`).toEqual({
              totalCount: all.length,
              nodes: ids,
              edges: ids,
              pageInfo: {
                hasNextPage: end < all.length,
                hasPreviousPage: start > 0,
                startCursor: edges[0]?.cursor ?? null,
                endCursor: edges.at(-1)?.cursor ?? null,
              },
            });
            cursors.set(list, way === "forwards" ? pageInfo.endCursor : pageInfo.startCursor);
          }
          // Beyond the end stands one empty page.
          lists = lists.filter((_, index) => pages[index]!.nodes.length > 0);
        }
        return [...expected.values()].map(({ length }) => length);
      };
      const orders = { 1: some([0, 2, 3], 3), 7: some([0, 2, 1, 3], 2), 100: [0, 1, 2, 3] }[size]!;
      const lengths = await Promise.all(orders.map(walk));
      expect(Math.max(...lengths.flat())).toBeGreaterThan(100);
      expect(Math.min(...lengths.flat())).toBeGreaterThan(0);
    });
  });
});

describe("between two cursors", () => {
  const list = LISTS.find(({ field, parent }) => field === "vulnerabilities" && !parent)!;
  it.each(ordersOf(list).map((order) => ({ order })))("in the order $order", async ({ order }) => {
    const terms = order.length > 0 ? termsOf(order) : null;
    const viewer = await app.as("viewer");
    const all = await idsOf("viewer", list, order);
    const page = async (given: object) => {
      const { data, errors } = await viewer.run(
        `query($first: Int, $last: Int, $after: String, $before: String, $order: [VulnerabilityOrder!]) {
          vulnerabilities(first: $first, last: $last, after: $after, before: $before, orderBy: $order) { ${PAGE} } }`,
        { ...given, order: terms },
      );
      expect(errors).toBeUndefined();
      return data.vulnerabilities as Page;
    };
    const cursors = (await page({ first: 100 })).edges.map(({ cursor }) => cursor);
    for (const [from, to] of [
      [0, 1],
      [0, 8],
      [3, 30],
      [5, 13],
      [7, 7],
      [9, 2],
    ] as const) {
      const [after, before, between] = [cursors[from], cursors[to], all.slice(from + 1, to)];
      const first = await page({ first: 7, after, before });
      expect(first.nodes.map(({ id }) => id)).toEqual(between.slice(0, 7));
      expect(first.pageInfo).toMatchObject({ hasNextPage: between.length > 7, hasPreviousPage: true });
      const last = await page({ last: 7, after, before });
      expect(last.nodes.map(({ id }) => id)).toEqual(between.slice(-7));
      expect(last.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: between.length > 7 });
      expect([first.totalCount, last.totalCount]).toEqual([all.length, all.length]);
    }
  });
});
