/** Every table that a tenant's query touches carries the row scope, also where the model as it is could not be told apart without. */
import { type FieldNode, parse } from "graphql";
import { expect, it } from "vitest";
import type { ActorAccess } from "../../../src/auth/actor.js";
import { compile } from "../../../src/engine/read/compile.js";
import { nodeTargets } from "../../../src/engine/types/node-resolver.js";
import { readResolverTargets } from "../../../src/engine/types/read-resolver.js";
import { LIMITS } from "../../../src/limits.js";
import { SPECIMENS, specimens } from "../../specimens/index.js";
import { isOwned } from "../../specimens/ownership.js";
import { nodeIdOf, type Specimen, tableOf } from "../../specimens/specimen.js";
import { testApp } from "../../support/app.js";
import { declaredTypes, rootTypes } from "../../support/model.js";

const app = testApp();
const everything = new Set(declaredTypes.flatMap(({ read }) => read));
const user = { userId: "1", sessionId: "s", holder: "1" };
const staff: ActorAccess = { ...user, permissions: everything, organizationId: null, shape: "staff" };
/** Staff that may not see what is other users'. */
const operator: ActorAccess = {
  ...staff,
  permissions: new Set([...everything].filter((permission) => permission !== "sessions:read")),
  shape: "operator",
};
const tenant: ActorAccess = { ...operator, organizationId: "1", shape: "tenant" };

const TARGETS = new Map([...readResolverTargets(rootTypes), ...nodeTargets(rootTypes, 100)]);

function sqlOf(query: string, access: ActorAccess): string {
  const [operation] = parse(query).definitions;
  if (operation?.kind !== "OperationDefinition") throw new Error("no operation");
  const units = operation.selectionSet.selections.map((node) => {
    const field = node as FieldNode;
    const { value } = field.name;
    return { key: value, nodes: [field], ...TARGETS.get(value)!(field, {}) };
  });
  return compile(app.schema, units, {}, {}, access, LIMITS, "key").text;
}

const OWNED = specimens.filter(isOwned);
/** By table: the condition that a source of it must carry. */
const SCOPES = new Map(
  [...OWNED, SPECIMENS.Session].map((specimen) => [tableOf(specimen), (alias: string) => scopeOf(specimen, alias)]),
);

function scopeOf({ owner }: Specimen, alias: string): RegExp {
  if (owner === "staff" || owner === "everyone") throw new Error("Nobody owns it.");
  const { column, of } = owner === "user" ? { column: "user_id" } : owner;
  if (!of) return new RegExp(`"${alias}"\\."${column}" = \\$\\d+::bigint`);
  // Through the row they belong to, which carries its own.
  const source = `select 1 from "${tableOf(of)}" as "(t\\d+)"`;
  return new RegExp(`exists \\(${source} where \\("\\1"\\."id" = "${alias}"\\."${column}"`);
}

/** The sources without their scope: `table alias`. */
const unscoped = (text: string): string[] =>
  [...text.matchAll(/"(\w+)" as "(t\d+)"/g)].flatMap(([, table, alias]) =>
    SCOPES.get(table as string)?.(alias as string).test(text) ? [] : [`${table} ${alias}`],
  );

const QUERIES = [
  "{ scan(id: 1) { organization { id } vulnerabilities { totalCount nodes { scan { id } } } } }",
  '{ scans(filter: { organization: { users: { some: { email: { contains: "a" } } } } }) { totalCount pageInfo { hasPreviousPage } } }',
  '{ scans(filter: { vulnerabilities: { every: { scan: { organization: { name: { ne: "a" } } } } } }) { nodes { id } } }',
  "{ organizations(filter: { not: { scans: { none: { vulnerabilities: { some: {} } } } } }) { edges { cursor } } }",
  "{ vulnerabilities(orderBy: [{ field: SCAN_STARTED_AT }]) { edges { cursor node { id } } pageInfo { endCursor } } }",
  "{ chatSessions(orderBy: [{ field: USER_EMAIL }], first: 1) { nodes { user { organization { scans { totalCount } } } } } }",
  "{ analyticsMetrics(orderBy: [{ field: ORGANIZATION_NAME }]) { aggregate { sum { value } } groups(by: [{ field: METRIC_TYPE }]) { aggregate { count } } } }",
  "{ performanceLogs { totalCount aggregate { count } nodes { id } } }",
  ...OWNED.filter((specimen) => specimen !== SPECIMENS.Organization).map(
    (specimen) => `{ node(nodeId: "${nodeIdOf(specimen, 1)}") { nodeId } }`,
  ),
  `{ nodes(nodeIds: [${OWNED.map((specimen) => `"${nodeIdOf(specimen, 1)}"`)}]) { nodeId ... on Scan { organization { name } } } }`,
  "{ users { groups(by: [{ field: ROLE }]) { key { role } } nodes { organization { users { aggregate { count } } } } } }",
];

/** Queries for what is each user's own. */
const OF_USERS = [
  "{ sessions { totalCount aggregate { count } groups(by: [{ field: IP_ADDRESS }]) { aggregate { count } } edges { cursor } pageInfo { hasPreviousPage } } }",
  "{ session(id: 1) { id current } }",
  `{ node(nodeId: "${nodeIdOf(SPECIMENS.Session, 1)}") { nodeId } }`,
  `{ nodes(nodeIds: ["${nodeIdOf(SPECIMENS.Session, 1)}"]) { nodeId } }`,
];

it.each([...QUERIES, ...OF_USERS])("%s", (query) => expect(unscoped(sqlOf(query, tenant))).toEqual([]));

it.each(OF_USERS)("also to staff: %s", (query) => expect(unscoped(sqlOf(query, operator))).toEqual([]));

it("is seen to be missing where it is: staff has none", () => {
  for (const query of [...QUERIES, ...OF_USERS]) expect(unscoped(sqlOf(query, staff)), query).not.toEqual([]);
});
