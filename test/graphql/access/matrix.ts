/** The access matrix: every root field, who may call it, and a good call of it. */
import { type Change, changesOf, inputOf, payloadOf } from "../../specimens/changes.js";
import { SPECIMENS, specimens, written } from "../../specimens/index.js";
import { isOwned, ownedBy } from "../../specimens/ownership.js";
import { keyOf, nodeIdOf, oneOf, type Specimen, tableOf } from "../../specimens/specimen.js";
import type { TestApp } from "../../support/app.js";
import { type Caller, lookingInto, ROLES } from "./callers.js";
import { type Mutation, otherMutations } from "./other-mutations.js";

export interface Query {
  readonly callers: readonly Caller[];
  /** The type of its rows, where it has any, and whether it answers one. */
  readonly of?: Specimen;
  readonly isOne?: boolean;
  /** How it asks for that row, where not by `id`; or what it asks for, where it has no rows. */
  readonly selection?: (id: string) => string;
}

export const QUERIES: Record<string, Query> = {
  viewer: { callers: ROLES, selection: () => "viewer { role }" },
  environmentRules: { callers: ["DBA", "SECURITY", "ADMIN"], selection: () => "environmentRules { version }" },
  explainEnvironment: {
    callers: ROLES,
    selection: () => 'explainEnvironment(input: { identifier: "orders-test" }) { environment }',
  },
  planOperation: {
    callers: ["DBA", "SECURITY", "ADMIN"],
    of: SPECIMENS.Instance,
    isOne: true,
    selection: (id) => `planOperation(input: { rebootInstance: { instanceId: "${id}" } }) { code instance { id } }`,
  },
  operationMetrics: {
    callers: ["DBA", "SECURITY", "ADMIN"],
    selection: () =>
      'operationMetrics(from: "2026-01-01T00:00:00Z", to: "2026-02-01T00:00:00Z", by: DAY) { bucketStart }',
  },
  // nodes.test.ts looks at the rules of types.
  node: {
    callers: ROLES,
    of: SPECIMENS.Instance,
    isOne: true,
    selection: (id) => `node(nodeId: "${nodeIdOf(SPECIMENS.Instance, id)}") { nodeId }`,
  },
  nodes: {
    callers: ROLES,
    of: SPECIMENS.Instance,
    isOne: true,
    selection: (id) => `nodes(nodeIds: ["${nodeIdOf(SPECIMENS.Instance, id)}"]) { nodeId }`,
  },
  ...Object.fromEntries(
    specimens.flatMap((specimen): [string, Query][] => [
      [oneOf(specimen), { callers: specimen.readers, of: specimen, isOne: true }],
      [specimen.type.plural, { callers: specimen.readers, of: specimen }],
    ]),
  ),
};

/** What somebody of another organization gets for a good call of the first one's analyst. */
const ELSEWHERE: Readonly<Record<Change["verb"], string>> = {
  ...{ create: "NOT_FOUND", createMany: "NOT_FOUND", update: "NOT_FOUND", delete: "NOT_FOUND" },
  ...{ updateMany: "CONFLICT", deleteMany: "CONFLICT", upsert: "NOT_FOUND" },
};

export function matrixOf(app: TestApp) {
  const { idOf } = lookingInto(app);
  const mutationOf = (change: Change): Mutation => ({
    callers: change.specimen.writes.roles,
    input: async () => inputOf(change, [await change.specimen.insert(app)]),
    selection: payloadOf(change),
    many: change.verb.endsWith("Many"),
    elsewhere: ELSEWHERE[change.verb],
  });
  return {
    queries: QUERIES,

    mutations: {
      ...Object.fromEntries(written.flatMap(changesOf).map((change) => [change.name, mutationOf(change)])),
      ...otherMutations(app),
    } as Readonly<Record<string, Mutation>>,

    /** A good call of a query: where it answers one row, for one that the caller sees, or the role would. */
    async selectionOf(name: string, caller: Caller): Promise<string> {
      const { of, isOne, selection } = QUERIES[name]!;
      if (!of) return selection?.("") ?? name;
      if (!isOne) return `${name} { totalCount nodes { id } }`;
      const table = tableOf(of);
      const seen = of.seenBy?.(await idOf(caller)) ?? (isOwned(of) ? ownedBy(of, "1") : "true");
      const [row] = await app.sql.unsafe(`select ${keyOf(of)} as id from ${table} t where ${seen} order by 1 limit 1`);
      if (!row) throw new Error(`${table} has no row: give the demo some, in src/seed/demo.ts`);
      return selection?.(row.id) ?? `${name}(id: ${row.id}) { id }`;
    },
  };
}
