/** Whatever generated query a VIEWER asks, it answers as if no other organization had a row, and says nothing of what they have. */
import { beforeAll, describe, expect, it } from "vitest";
import { ROLE_PERMISSIONS } from "../../../src/auth/permissions.js";
import { STEPS } from "../../specimens/specimen.js";
import { OURS } from "../../specimens/values.js";
import { type Client, testApp } from "../../support/app.js";
import { rootTypes } from "../../support/model.js";
import { Cursors, checkAll, Different, rootsOf, shown } from "./asking.js";
import { insertData } from "./data.js";
import { evaluate, settled } from "./naive.js";
import { take } from "./other-worlds.js";
import { queries } from "./queries.js";
import type { Query, RunIndex } from "./query.js";
import { ofOrganization, readWorld, type World } from "./world.js";
import { type CursorText, write } from "./write.js";

const app = testApp();

/** What was asked in the first world, and the bytes that came. */
interface Asked {
  readonly text: string;
  readonly variables: object;
  readonly answer: string;
}
const asked: Asked[] = [];

let viewer: Client;
let everything: World;
let ours: World;
let cursors: Cursors;
let roots: string[];

beforeAll(async () => {
  viewer = await app.as("viewer");
  roots = await rootsOf(viewer);
  const admin = await app.as("admin");
  await insertData(app);
  everything = await readWorld(app);
  ours = ofOrganization(everything, OURS);
  cursors = new Cursors(admin, everything);
});

/** Where the body begins. */
const STATUS = "200 ".length;

/** @returns the status and the bytes of the answer, without what is of the request */
async function bytes(text: string, variables: object): Promise<string> {
  const response = await fetch(`${app.url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${viewer.token}` },
    body: JSON.stringify({ query: text, variables }),
  });
  return `${response.status} ${(await response.text()).replaceAll(/"requestId":"[^"]*"/g, "")}`;
}

/** Asks in both ways, with different variables, and remembers. @param cursorText of other cursors than the right ones */
async function ask(query: Query, cursorText?: CursorText): Promise<Asked[]> {
  const operation = cursorText ? write(app.schema, query, cursorText) : await cursors.write(app, query);
  const { text, beside, variables } = operation;
  const both = [
    { text, variables: variables[0], answer: await bytes(text, variables[0]) },
    { text: beside, variables: variables[1], answer: await bytes(beside, variables[1]) },
  ];
  asked.push(...both);
  return both;
}

const readable = () =>
  new Set(everything.types.filter(({ read }) => ROLE_PERMISSIONS.VIEWER.some((each) => read.includes(each))));

// Long only where the machine is busy with something else.
describe("a viewer asks as if nobody else were there", { timeout: 300_000 }, () => {
  it("what is allowed: the answer of a database that holds the own rows only", async () => {
    await checkAll(queries(everything, readable(), roots), { seed: 11, runs: 320 }, async (query) => {
      for (const [run, { text, variables, answer }] of (await ask(query)).entries()) {
        const real = JSON.parse(answer.slice(STATUS));
        const expected = settled(evaluate(query, run as RunIndex, ours, everything), real.data) as object;
        const whole = { data: { ...expected, ...(run === 1 && { viewer: { role: "VIEWER" } }) } };
        requireSame(JSON.stringify(real), JSON.stringify(whole), text, variables);
      }
    });
  });

  it("what is refused", async () => {
    const staffTypes = new Set(everything.types);
    const staffRoots = rootTypes.map(({ plural }) => plural);
    const first = asked.length;
    await checkAll(queries(everything, staffTypes, staffRoots), { seed: 12, runs: 80 }, async (query) => {
      await ask(query);
    });
    expect(codes(first)).toContain("FORBIDDEN");
  });

  it("with cursors that are none of the list, from a row of somebody else", async () => {
    const theirs = `{ scans(filter: { organizationId: { eq: "2" } }, first: 1) { pageInfo { endCursor } } }`;
    const { data } = await (await app.as("admin")).run(theirs);
    const first = asked.length;
    await checkAll(queries(everything, readable(), roots), { seed: 13, runs: 80 }, async (query) => {
      await ask(query, () => data.scans.pageInfo.endCursor);
    });
    expect(codes(first)).toContain("BAD_USER_INPUT");
  });

  it.each(STEPS)("and hears the same, byte for byte, when of the others there are %s", async (step) => {
    await take(app.sql, step);
    expect(asked.length).toBeGreaterThan(100);
    const queue = [...asked];
    const lane = async () => {
      for (let each = queue.pop(); each; each = queue.pop()) {
        requireSame(await bytes(each.text, each.variables), each.answer, each.text, each.variables);
      }
    };
    await Promise.all(Array.from({ length: 8 }, lane));
  });
});

const codes = (first: number) =>
  asked.slice(first).flatMap(({ answer }) => [...answer.matchAll(/"code":"(\w+)"/g)].map(([, code]) => code));

function requireSame(answer: string, expected: string, text: string, variables: object) {
  if (answer === expected) return;
  throw new Different(`${shown(text, variables)}\nexpected ${expected}\nanswered ${answer}`);
}
