/** Whoever belongs to one organization sees nothing of another, by whatever way a query leads there. */
import { describe, expect, it } from "vitest";
import { orderFields } from "../../../src/engine/read/order.js";
import { SPECIMENS, specimens } from "../../specimens/index.js";
import { pathOf, relationsOf } from "../../specimens/ownership.js";
import { nodeIdOf, oneOf, type Specimen } from "../../specimens/specimen.js";
import { type Client, EMAILS, type Somebody, testApp } from "../../support/app.js";
import { chunks } from "../../support/chunks.js";
import { isDeep } from "../../support/deep.js";
import { type Id, idsOf, OWNED, objectsOf, type Row, relationsIn, tenantsOf } from "./tenants.js";

const app = testApp();
const { all, own, foreign, visibleTo } = tenantsOf(app);

/** Relations between types whose rows belong to organizations, there and back. */
const RELATIONS = relationsOf(OWNED);

/** Who looks, and where they belong. */
const TENANTS: Partial<Record<Somebody, Id>> = { viewer: "1", analyst: "1", otherViewer: "2", otherAnalyst: "2" };
/** In the short form each of them in one way, so that both ways are tried for both organizations. */
const LOOKS = (Object.keys(TENANTS) as Somebody[]).flatMap((who, n) =>
  (["fast", "ordinary"] as const)
    .filter((_, way) => isDeep || (n + Math.floor(n / 2)) % 2 === way)
    .map((way) => ({ who, way, organization: TENANTS[who]! })),
);

/** Asks in one of the two ways. @returns the data, without what forces the way */
async function ask(
  client: Client,
  way: "fast" | "ordinary",
  selection: string,
  variables?: object,
  head = "query",
  fragments = "",
) {
  const query = `${head} { ${selection} ${way === "ordinary" ? "theWay: viewer { role }" : ""} } ${fragments}`;
  app.log.length = 0;
  const { data, errors, status } = await client.run(query, variables as Record<string, unknown>);
  expect(errors).toBeUndefined();
  expect(status).toBe(200);
  expect(app.log.some(({ msg }) => msg === "answered by the plan alone")).toBe(way === "fast");
  const { theWay: _, ...rest } = data;
  return rest;
}

it("knows every type and relation of the schema", () => {
  const query = app.schema.getQueryType()!.getFields();
  const without = ["viewer", "node", "nodes", "environmentRules", "explainEnvironment", "planOperation"];
  const roots = Object.keys(query).filter((name) => ![...without, "operationMetrics"].includes(name));
  expect(roots.sort(), "each has a specimen").toEqual(
    specimens.flatMap((specimen) => [oneOf(specimen), specimen.type.plural]).sort(),
  );
  const leading = (typeNames: readonly string[], find: typeof objectsOf) =>
    typeNames.flatMap((name) => find(app, name).map((relation) => `${name}.${relation}`)).sort();
  const named = OWNED.map(({ type }) => type.name);
  expect(leading(named, objectsOf), "named in the specimen of whoever refers").toEqual(RELATIONS.map(pathOf).sort());
  // What no organization owns leads to itself, to what staff sees and, where staff alone sees it, to a user.
  const others = specimens.map(({ type }) => type.name).filter((name) => !named.includes(name));
  const ofOthers = relationsOf(specimens).filter(
    (relation) => !RELATIONS.some((own) => pathOf(own) === pathOf(relation)),
  );
  expect(leading(others, relationsIn)).toEqual(ofOthers.map(pathOf).sort());
  expect(objectsOf(app, "Viewer").sort()).toEqual(["organization", "user"]);
});

it("has rows of both sides of every type", () => {
  for (const organization of ["1", "2"]) {
    for (const specimen of OWNED) {
      expect(own(specimen, organization).length, specimen.type.name).toBeGreaterThan(0);
      expect(foreign(specimen, organization).length, specimen.type.name).toBeGreaterThan(0);
    }
  }
});

describe.each(LOOKS)("$who, the $way way", ({ who, way, organization }) => {
  it("lists and counts exactly the own rows, page by page", async () => {
    const client = await app.as(who);
    for (const specimen of OWNED) {
      const { name, plural } = specimen.type;
      const seen: Id[] = [];
      let after: string | null = null;
      do {
        const { list } = await ask(
          client,
          way,
          `list: ${plural}(first: 40, after: $after) { totalCount nodes { id } edges { node { id } } pageInfo { hasNextPage endCursor } }`,
          { after },
          "query($after: String)",
        );
        expect(list.totalCount).toBe(own(specimen, organization).length);
        expect(list.edges.map(({ node }: { node: object }) => node)).toEqual(list.nodes);
        seen.push(...list.nodes.map(({ id }: { id: Id }) => id));
        after = list.pageInfo.hasNextPage ? list.pageInfo.endCursor : null;
      } while (after);
      expect(seen, name).toEqual(idsOf(own(specimen, organization)));
    }
  });

  it("finds each own row by id, and no other", async () => {
    const client = await app.as(who);
    for (const specimen of OWNED) {
      const { name } = specimen.type;
      for (const ids of chunks(idsOf(all(specimen)), 19)) {
        const fields = ids.map((id) => `_${id}: ${oneOf(specimen)}(id: ${id}) { ... on ${name} { id ...Key } }`);
        const data = await ask(client, way, fields.join(" "), {}, "query", `fragment Key on ${name} { id }`);
        const expected = ids.map((id) => [`_${id}`, visibleTo(specimen, organization).has(id) ? { id } : null]);
        expect(data).toEqual(Object.fromEntries(expected));
      }
    }
  });

  it("finds each own row by node id, and no other", async () => {
    const client = await app.as(who);
    const seen = OWNED.flatMap((specimen) =>
      idsOf(all(specimen)).map((id) => ({
        nodeId: nodeIdOf(specimen, id),
        isOwn: visibleTo(specimen, organization).has(id),
      })),
    );
    const head = "query($ids: [ID!]!)";
    for (const some of chunks(seen, 100)) {
      const ids = some.map(({ nodeId }) => nodeId);
      const data = await ask(client, way, "nodes(nodeIds: $ids) { nodeId }", { ids }, head);
      expect(data.nodes).toEqual(some.map(({ nodeId, isOwn }) => (isOwn ? { nodeId } : null)));
    }
    // One of each side of every type.
    for (const isOwn of [true, false]) {
      for (const { type } of OWNED) {
        const one = seen.find(
          (row) => row.isOwn === isOwn && row.nodeId.startsWith(nodeIdOf({ type }, "").slice(0, -1)),
        );
        const { node } = await ask(client, way, `node(nodeId: "${one!.nodeId}") { nodeId }`);
        expect(node).toEqual(isOwn ? { nodeId: one!.nodeId } : null);
      }
    }
  });

  it("finds none by a filter on ids or references of others", async () => {
    const client = await app.as(who);
    for (const specimen of OWNED) {
      const { name, plural } = specimen.type;
      const [mine, theirs] = [idsOf(own(specimen, organization)), foreign(specimen, organization)];
      const filters: Record<string, [filter: object, expected: Id[]]> = {
        in: [{ id: { in: theirs } }, []],
        eq: [{ id: { eq: theirs[0] } }, []],
        both: [{ id: { in: [...theirs, mine[0]] } }, [mine[0]!]],
        or: [{ or: [{ id: { in: theirs } }, { id: { eq: mine[0] } }] }, [mine[0]!]],
        notMine: [{ not: { id: { in: mine } } }, []],
        notIn: [{ id: { notIn: mine } }, []],
        notNull: [{ not: { id: { isNull: true } } }, mine],
        orNothing: [{ or: [{}, { id: { in: theirs } }] }, mine],
      };
      for (const { from, name: relation, to, kind, key } of RELATIONS) {
        if (from !== specimen || kind !== "one") continue;
        filters[`${relation}In`] = [{ [`${relation}Id`]: { in: foreign(to, organization) } }, []];
        filters[`${relation}Null`] = [
          { [`${relation}Id`]: { isNull: true } },
          idsOf(own(specimen, organization).filter((row) => row[key] === null)),
        ];
        filters[`${relation}Not`] = [{ [`${relation}Id`]: { ne: idsOf(own(to, organization))[0] } }, []];
        filters[`${relation}Not`]![1] = idsOf(
          own(specimen, organization).filter((row) => row[key] !== idsOf(own(to, organization))[0]),
        );
      }
      const given = Object.entries(filters);
      const data = await ask(
        client,
        way,
        given.map(([k]) => `${k}: ${plural}(first: 100, filter: $${k}) { totalCount nodes { id } }`).join(" "),
        Object.fromEntries(given.map(([k, [filter]]) => [k, filter])),
        `query(${given.map(([k]) => `$${k}: ${name}Filter`).join(", ")})`,
      );
      for (const [k, [, expected]] of given) {
        expect(data[k].totalCount, `${name} ${k}`).toBe(expected.length);
        expect(
          data[k].nodes.map(({ id }: { id: Id }) => id),
          `${name} ${k}`,
        ).toEqual(expected.slice(0, 100));
      }
    }
  });

  it("sees the own rows only in whatever order, from either end", async () => {
    const client = await app.as(who);
    for (const specimen of OWNED) {
      const { plural } = specimen.type;
      // Fields that ask for more than their type does are no tenant's.
      const fields = [...orderFields(specimen.type)].filter(([, { field }]) => !field.read).map(([word]) => word);
      const mine = visibleTo(specimen, organization);
      const parts = fields.flatMap((field) => [
        `${field}_F: ${plural}(first: 100, orderBy: { field: ${field} }) { totalCount nodes { id } }`,
        `${field}_L: ${plural}(last: 100, orderBy: { field: ${field}, direction: DESC }) { totalCount nodes { id } }`,
      ]);
      for (const some of chunks(parts, 18)) {
        const data = await ask(client, way, some.join(" "));
        for (const list of Object.values(data) as { totalCount: number; nodes: { id: Id }[] }[]) {
          expect(list.totalCount).toBe(mine.size);
          expect(list.nodes).toHaveLength(Math.min(100, mine.size));
          expect(list.nodes.filter(({ id }) => !mine.has(id))).toEqual([]);
        }
      }
    }
  });

  it("reads the own rows only around a cursor of another's row", async () => {
    const [client, admin] = [await app.as(who), await app.as("admin")];
    for (const specimen of OWNED) {
      const { plural } = specimen.type;
      const list = all(specimen);
      const theirs = new Set(foreign(specimen, organization));
      // One at an end and one in the middle of the list of all.
      const some = idsOf(list).filter((id) => theirs.has(id));
      for (const id of new Set([some[0]!, some[Math.floor(some.length / 2)]!, some.at(-1)!])) {
        const { data } = await admin.run(`{ ${plural}(filter: { id: { eq: ${id} } }) { edges { cursor } } }`);
        const { cursor } = data[plural].edges[0];
        const at = list.findIndex((row) => row.id === id);
        const mine = ({ id }: Row) => visibleTo(specimen, organization).has(id!);
        const [before, after] = [list.slice(0, at).filter(mine), list.slice(at + 1).filter(mine)].map(idsOf);
        const page = "totalCount nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }";
        const found = await ask(
          client,
          way,
          `after: ${plural}(first: 100, after: $c) { ${page} } before: ${plural}(last: 100, before: $c) { ${page} }`,
          { c: cursor },
          "query($c: String)",
        );
        expect(found.after.nodes.map((node: { id: Id }) => node.id)).toEqual(after!.slice(0, 100));
        expect(found.before.nodes.map((node: { id: Id }) => node.id)).toEqual(before!.slice(-100));
        expect(found.after.totalCount).toBe(visibleTo(specimen, organization).size);
        expect(found.after.pageInfo.hasPreviousPage).toBe(before!.length > 0);
        expect(found.before.pageInfo.hasNextPage).toBe(after!.length > 0);
        for (const edge of [found.after, found.before]) {
          expect([edge.pageInfo.startCursor, edge.pageInfo.endCursor]).not.toContain(cursor);
        }
      }
    }
  });

  it("meets the own rows only through every relation, there and back", async () => {
    const client = await app.as(who);
    for (const specimen of OWNED) {
      const { name, plural } = specimen.type;
      const data = await ask(client, way, `list: ${plural}(first: 4) { ${listBelow(specimen, DEPTH)} }`);
      expect(data.list, name).toEqual(expectedList(own(specimen, organization), specimen, organization, DEPTH, 4));
    }
  });
});

/** Relations that one query follows. */
const DEPTH = 4;
const WIDTH = 2;

const relationsFrom = (specimen: Specimen) => RELATIONS.filter(({ from }) => from === specimen);

const listBelow = (specimen: Specimen, depth: number) => `totalCount nodes { ${below(specimen, depth)} }`;

/** Everything that is reached from a type over so many relations. */
function below(specimen: Specimen, depth: number): string {
  if (depth === 0) return "__typename id";
  const further = relationsFrom(specimen).map(({ name, to, kind }) =>
    kind === "one" ? `${name} { ${below(to, depth - 1)} }` : `${name}(first: ${WIDTH}) { ${listBelow(to, depth - 1)} }`,
  );
  return `__typename id ${further.join(" ")}`;
}

const expectedList = (list: Row[], specimen: Specimen, organization: Id, depth: number, first: number): object => ({
  totalCount: list.length,
  nodes: list.slice(0, first).map((row) => expectedRow(row, specimen, organization, depth)),
});

/** The same, computed from the tables. */
function expectedRow(row: Row, specimen: Specimen, organization: Id, depth: number): object {
  const relations = depth > 0 ? relationsFrom(specimen) : [];
  const entries = relations.map(({ name, to, kind, key, between }) => {
    const mine = own(to, organization);
    if (kind === "many") {
      const leading = between ? own(between.of, organization).filter((each) => each[between.key] === row.id) : [row];
      const list = mine.filter((candidate) => leading.some(({ id }) => candidate[key] === id));
      return [name, expectedList(list, to, organization, depth - 1, WIDTH)];
    }
    const target = mine.find(({ id }) => id === row[key]);
    return [name, target ? expectedRow(target, to, organization, depth - 1) : null];
  });
  return { __typename: specimen.type.name, id: row.id, ...Object.fromEntries(entries) };
}

describe.each(Object.entries(TENANTS) as [Somebody, Id][])("%s", (who, organization) => {
  it("meets the own rows only through the viewer", async () => {
    const client = await app.as(who);
    const { data, errors } = await client.run(
      `{ viewer { user { email ${below(SPECIMENS.User, 3)} } organization { ${below(SPECIMENS.Organization, 3)} } } }`,
    );
    expect(errors).toBeUndefined();
    const self = all(SPECIMENS.User).find(({ email }) => email === EMAILS[who])!;
    const home = all(SPECIMENS.Organization).find(({ id }) => id === organization)!;
    expect(data.viewer).toEqual({
      user: { email: EMAILS[who], ...expectedRow(self, SPECIMENS.User, organization, 3) },
      organization: expectedRow(home, SPECIMENS.Organization, organization, 3),
    });
  });

  it("is refused what only staff sees, also for the own organization", async () => {
    const client = await app.as(who);
    const ofStaff = specimens.filter(({ owner }) => owner === "staff");
    expect(ofStaff).toContain(SPECIMENS.AuditLog);
    for (const some of chunks(ofStaff, 4)) {
      const fields = some.flatMap((specimen) => [specimen.type.plural, oneOf(specimen)]);
      const asked = some.map((specimen) => `${specimen.type.plural} { totalCount } ${oneOf(specimen)}(id: 1) { id }`);
      const { status, data, errors } = await client.run(`{ ${asked.join(" ")} }`);
      expect(data).toEqual(Object.fromEntries(fields.map((field) => [field, null])));
      expect(errors?.map(({ extensions }) => extensions.code)).toEqual(fields.map(() => "FORBIDDEN"));
      expect(status).toBe(403);
    }
  });
});
