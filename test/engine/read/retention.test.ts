/** A plan that is kept keeps nothing of the request that it was compiled for. */
import { queryObjects, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { SQL } from "drizzle-orm";
import { type FieldNode, parse } from "graphql";
import { expect, it, vi } from "vitest";
import { accessOfActor } from "../../../src/auth/actor.js";
import { type CompiledPlan, compile } from "../../../src/engine/read/compile.js";
import { nodeTargets } from "../../../src/engine/types/node-resolver.js";
import { readResolverTargets } from "../../../src/engine/types/read-resolver.js";
import { LIMITS } from "../../../src/limits.js";
import { SPECIMENS } from "../../specimens/index.js";
import { nodeIdOf } from "../../specimens/specimen.js";
import { testApp } from "../../support/app.js";
import { isDeep } from "../../support/deep.js";
import { rootTypes } from "../../support/model.js";

const app = testApp();
setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

const QUERY = `query($filter: ScanFilter, $json: JSON, $text: [String!], $order: [ScanOrder!], $after: String, $names: [OrganizationOrder!], $node: ID!, $nodes: [ID!]!) {
  scans(filter: { and: [$filter, { targetUrl: { in: $text } }] }, orderBy: $order) { nodes { vulnerabilities(filter: { scan: $filter }) { totalCount } } pageInfo { endCursor } }
  organizations(after: $after, orderBy: $names) { edges { cursor } pageInfo { hasPreviousPage } }
  securityEvents(filter: { metadata: { contains: { a: $json } } }) { groups(by: [{ field: EVENT_TYPE }]) { aggregate { count } } }
  vulnerability(id: 1) { title scan { organization { name } } } operation(id: 1) { instance { identifier } progress { at } }
  node(nodeId: $node) { nodeId ... on Scan { status } } nodes(nodeIds: $nodes) { nodeId ... on User { email } }
}`;

const TARGETS = new Map([...readResolverTargets(rootTypes), ...nodeTargets(rootTypes, 100)]);

/** Compiles with variables that nothing else holds. */
function planned(): { plan: CompiledPlan; given: WeakRef<object>[] } {
  const [operation] = parse(QUERY).definitions;
  if (operation?.kind !== "OperationDefinition") throw new Error("no operation");
  const variables = {
    filter: { or: [{ targetUrl: { eq: "secret" } }, { organization: { name: { in: ["secret"] } } }] },
    json: { secret: [1] },
    text: ["secret"],
    after: "secret",
    names: [{ field: "NAME" }],
    order: [{ field: "STARTED_AT", direction: "ASC" }],
    node: nodeIdOf(SPECIMENS.Scan, 1),
    nodes: [nodeIdOf(SPECIMENS.Scan, 1), nodeIdOf(SPECIMENS.User, 1)],
  };
  const units = operation.selectionSet.selections.map((node) => {
    const field = node as FieldNode;
    const { value } = field.name;
    return { key: value, nodes: [field], ...TARGETS.get(value)!(field, variables) };
  });
  const actor = { userId: "1", email: "", organizationId: null, sessionId: "", expiresAt: "", sessionExpiresAt: "" };
  const access = accessOfActor({ kind: "user", role: "ADMIN", ...actor });
  const plan = compile(app.schema, units, {}, variables, access, LIMITS, "key");
  const given = [
    variables,
    variables.filter,
    variables.filter.or,
    variables.json,
    variables.text,
    variables.order,
    variables.nodes,
  ];
  return { plan, given: given.map((value) => new WeakRef(value)) };
}

// Looking at every object of a worker that many files share takes its time.
vi.setConfig({ testTimeout: 120_000 });

it("is let go with its values", async () => {
  const { plan, given } = planned();
  // What was made in this turn is held until it ends.
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  expect(given.map((value) => value.deref())).toEqual(given.map(() => undefined));
  expect(plan.text).toContain("scans");
});

it.runIf(isDeep)("keeps its statement as text, not as the objects that it was built of", async () => {
  const kept = () => {
    collect();
    return queryObjects(SQL, { format: "count" }) as unknown as number;
  };
  // What is made once for all plans.
  planned();
  await new Promise((resolve) => setImmediate(resolve));
  const before = kept();
  const one = new SQL([]);
  expect(kept(), "what is kept is counted").toBe(before + 1);
  const plans = Array.from({ length: 10 }, () => planned().plan);
  await new Promise((resolve) => setImmediate(resolve));
  expect((kept() - before) / plans.length).toBeLessThan(1);
  expect(one).toBeInstanceOf(SQL);
});
