/** Generated queries answer the same on the fast path, through resolvers, and by the naive evaluation. */
import { beforeAll, describe, expect, it } from "vitest";
import { ROLE_PERMISSIONS, type Role } from "../../../src/auth/permissions.js";
import type { TypeDeclaration } from "../../../src/engine/declaration.js";
import { type Client, type Somebody, testApp } from "../../support/app.js";
import { body, Cursors, checkAll, Different, rootsOf, shown } from "./asking.js";
import { insertData } from "./data.js";
import { evaluate, settled } from "./naive.js";
import { queries } from "./queries.js";
import { collect, type Query } from "./query.js";
import { ofOperations, ofOrganization, readWorld, type World } from "./world.js";

const app = testApp();

/** Who asks, the organization they belong to, and how many queries. */
const ACTORS: readonly { who: Somebody; role: Role; organization?: string; runs: number; seed: number }[] = [
  { who: "admin", role: "ADMIN", runs: 800, seed: 1 },
  { who: "viewer", role: "VIEWER", organization: "1", runs: 500, seed: 2 },
  { who: "otherAnalyst", role: "ANALYST", organization: "2", runs: 250, seed: 3 },
  { who: "security", role: "SECURITY", runs: 250, seed: 4 },
  { who: "dba", role: "DBA", runs: 200, seed: 5 },
];

let everything: World;
let cursors: Cursors;
const roots = new Map<Somebody, string[]>();

beforeAll(async () => {
  for (const { who } of ACTORS) roots.set(who, await rootsOf(await app.as(who)));
  // After the sign-ins and refusals, which leave security events.
  await insertData(app);
  everything = await readWorld(app);
  cursors = new Cursors(await app.as("admin"), everything);
});

const worldOf = (who: Somebody, organization: string | undefined): World => {
  if (organization) return ofOrganization(everything, organization);
  return who === "dba" ? ofOperations(everything) : everything;
};

const readableBy = (role: Role): ReadonlySet<TypeDeclaration> =>
  new Set(everything.types.filter(({ read }) => ROLE_PERMISSIONS[role].some((each) => read.includes(each))));

/** How many requests had something to read: on the fast path, and in all. */
const sent = { fast: 0, all: 0 };

/** Runs a query in all ways. @throws what differs */
async function check(client: Client, world: World, query: Query): Promise<void> {
  const operation = await cursors.write(app, query);
  // The ordinary path costs more, and is asked once.
  for (const [way, run] of [
    ["fast", 0],
    ["fast", 1],
    ["ordinary", 1],
  ] as const) {
    const text = way === "fast" ? operation.text : operation.beside;
    const answer = await client.run(text, operation.variables[run]);
    const expected = settled(evaluate(query, run, world, everything), answer.data) as object;
    const more = way === "fast" ? {} : { viewer: { role: answer.data?.viewer?.role } };
    requireSame(
      body(answer),
      body({ data: { ...expected, ...more } }),
      `the ${way} way`,
      text,
      operation.variables[run],
    );
    // Where every root field is skipped, nothing is sent.
    if (collect(query.items, run).size === 0) continue;
    sent.all++;
    if (way === "fast") sent.fast++;
  }
}

function requireSame(answer: string, expected: string, way: string, text: string, variables: object) {
  if (answer === expected) return;
  throw new Different(`${way}, ${shown(text, variables)}\nexpected ${expected}\nanswered ${answer}`);
}

describe("generated queries answer the same in every way, with one statement each", () => {
  // Long only where the machine is busy with something else.
  it.each(ACTORS)("to $who", { timeout: 300_000 }, async ({ who, role, organization, runs, seed }) => {
    const [client, world] = [await app.as(who), worldOf(who, organization)];
    app.log.length = app.statements.length = sent.fast = sent.all = cursors.asked = 0;
    const all = queries(everything, readableBy(role), roots.get(who)!);
    await checkAll(all, { seed, runs }, (query) => check(client, world, query));
    expect(app.statements, "one for each request").toHaveLength(sent.all + cursors.asked);
    const alone = app.log.filter(({ msg }) => msg === "answered by the plan alone");
    expect(alone, "the expected ways were taken").toHaveLength(sent.fast + cursors.asked);
  });
});
