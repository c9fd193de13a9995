/** Through `node` and `nodes` everybody sees exactly what the root field of the type shows: types, rows, and fields. */
import { type GraphQLObjectType, getNamedType, isLeafType, isObjectType } from "graphql";
import { beforeAll, describe, expect, it } from "vitest";
import { insertMissing, SPECIMENS, specimens } from "../../specimens/index.js";
import { isOwned, notOwnedBy, ownedBy } from "../../specimens/ownership.js";
import { keyOf, nodeIdOf, oneOf, type Specimen, tableOf } from "../../specimens/specimen.js";
import { type Answer, testApp } from "../../support/app.js";
import { isDeep } from "../../support/deep.js";
import { silentProvider } from "../../support/fleet-port.js";
import { CALLERS, lookingInto } from "./callers.js";

const app = testApp({}, async () => [silentProvider()]);
const { clientOf, idOf, mark, recordsSince, expectEvent } = lookingInto(app);

const NOWHERE = "987654321";
/** Of each type a row of the first organization or user, one of another or of the platform where there is one, and none. */
const rows = new Map<Specimen, string[]>();

beforeAll(async () => {
  for (const caller of CALLERS) await clientOf(caller);
  await insertMissing(app, specimens);
  for (const { elsewhere } of specimens) if (elsewhere) await app.sql.unsafe(elsewhere);
  for (const specimen of specimens) {
    const ofOrganizations = isOwned(specimen) ? [ownedBy(specimen, "1"), notOwnedBy(specimen, "1")] : ["true"];
    const conditions =
      specimen.owner === "user"
        ? await Promise.all((["VIEWER", "DBA"] as const).map(async (role) => specimen.seenBy!(await idOf(role))))
        : ofOrganizations;
    const ids: string[] = [];
    for (const condition of conditions) {
      const [row] = await app.sql.unsafe(
        `select ${keyOf(specimen)} as id from ${tableOf(specimen)} t where ${condition} order by 1 limit 1`,
      );
      ids.push(String(row?.id));
    }
    rows.set(specimen, [...ids, NOWHERE]);
  }
});

/** Everything that a row holds itself. */
function leavesOf(type: GraphQLObjectType): string {
  const fields = Object.values(type.getFields()).filter(({ args }) => args.length === 0);
  return fields
    .flatMap(({ name, type }) => {
      const named = getNamedType(type);
      if (isLeafType(named)) return [name];
      return isObjectType(named) && named.getInterfaces().length === 0 && named.name !== "LastBackup"
        ? [`${name} { ${leavesOf(named)} }`]
        : [];
    })
    .join(" ");
}

const partsOf = ({ errors }: Answer, key: string | number) =>
  errors
    ?.filter(({ path }) => path?.includes(key))
    .map(({ message, path, extensions: { requestId: _, ...rest } }) => ({
      message,
      below: path?.slice(path.indexOf(key) + 1),
      rest,
    }));

/** Alone, and beside what leaves the fast way. */
const WAYS = ["", "viewer { role }"];
/** Whom to ask as, and how: in the short form each type as everybody, every other one beside something, and the next type the other way round. */
const asked = (type: number) =>
  CALLERS.flatMap((caller, n) =>
    WAYS.filter((_, way) => isDeep || (type + n) % WAYS.length === way).map((beside) => [caller, beside] as const),
  );

describe.each(specimens.map((specimen, n) => [specimen.type.name, specimen, n] as const))("%s", (name, specimen, n) => {
  it.each(asked(n))("to %s %s", async (caller, beside) => {
    const client = await clientOf(caller);
    const below = leavesOf(app.schema.getType(name) as GraphQLObjectType);
    for (const id of rows.get(specimen)!) {
      const nodeId = nodeIdOf(specimen, id);
      const [one, node, nodes] = await Promise.all(
        [
          `it: ${oneOf(specimen)}(id: ${id}) { __typename ${below} }`,
          `it: node(nodeId: "${nodeId}") { __typename ... on ${name} { ${below} } }`,
          `nodes(nodeIds: ["${nodeId}"]) { __typename ... on ${name} { ${below} } }`,
        ].map((field) => client.run(`{ ${field} ${beside} }`)),
      );
      expect(node!.status).toBe(one!.status);
      expect(JSON.stringify(node!.data.it)).toBe(JSON.stringify(one!.data.it));
      if (one!.data.it) expect(one!.data.it.nodeId).toBe(nodeId);
      expect(partsOf(node!, "it")).toEqual(partsOf(one!, "it"));
      if (caller === null) {
        expect([nodes!.status, nodes!.code, nodes!.data.nodes]).toEqual([one!.status, "UNAUTHENTICATED", null]);
        continue;
      }
      expect(JSON.stringify(nodes!.data.nodes)).toBe(JSON.stringify([one!.data.it]));
      expect(partsOf(nodes!, 0)).toEqual(partsOf(one!, "it"));
    }
  });
});

it("each permission that is missing leaves its record, whatever is asked beside it", async () => {
  const viewer = await clientOf("VIEWER");
  const before = await mark();
  const asked = [SPECIMENS.Operation, SPECIMENS.AuditLog, SPECIMENS.Operation].map((specimen) =>
    nodeIdOf(specimen, rows.get(specimen)![0]!),
  );
  const fields = asked.map((nodeId, index) => `n${index}: node(nodeId: "${nodeId}") { nodeId }`).join(" ");
  expect((await viewer.run(`{ ${fields} }`)).code).toBe("FORBIDDEN");
  const { events } = await recordsSince(before);
  expect(events.map(({ metadata }) => metadata.permission).sort()).toEqual(["audit-logs:read", "operations:read"]);
});

it("what is refused among nodes takes nothing along, and is recorded once for each field", async () => {
  const viewer = await clientOf("VIEWER");
  const [scan, ...ofStaff] = [SPECIMENS.Scan, SPECIMENS.Operation, SPECIMENS.Operation].map((specimen) =>
    nodeIdOf(specimen, rows.get(specimen)![0]!),
  );
  const before = await mark();
  const { status, data, errors } = await viewer.run(
    "query($ids: [ID!]!) { nodes(nodeIds: $ids) { nodeId ... on Operation { id } } }",
    { ids: [ofStaff[0], scan, ofStaff[1]] },
  );
  expect(status).toBe(200);
  expect(data).toEqual({ nodes: [null, { nodeId: scan }, null] });
  expect(errors?.map(({ path, extensions: { code, permission } }) => [path, code, permission])).toEqual(
    [0, 2].map((index) => [["nodes", index], "FORBIDDEN", "operations:read"]),
  );
  const { records, events } = await recordsSince(before);
  expect([records.length, events.length]).toEqual([0, 1]);
  await expectEvent("VIEWER", events[0], "FORBIDDEN", "Query.nodes");
});
