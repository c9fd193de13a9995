/** Hostile requests at once: each gets the answer that it deserves, and another tenant gets its own meanwhile. */
import { expect, it } from "vitest";
import { testApp } from "../../support/app.js";
import { cases } from "../../support/deep.js";
import { HOSTILE } from "../../support/hostile.js";

const app = testApp();
const OWN = "{ scans(first: 5) { totalCount nodes { id status organization { name } } } }";
/** How often the other tenant asks beside statements that wait. */
const ASKED = 20;
const ROUNDS = cases(1, 20);

/** @returns the code that all errors of the answer have, or `data` */
async function send(body: string, token: string | null): Promise<string> {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  const response = await fetch(`${app.url}/graphql`, { method: "POST", headers, body });
  const { errors } = (await response.json()) as { errors?: { extensions: { code: string } }[] };
  expect(response.status).toBeLessThan(500);
  return errors ? [...new Set(errors.map(({ extensions }) => extensions.code))].join() : "data";
}

/** Makes all statements on a table wait until it is called. */
async function hold(table: string): Promise<() => Promise<void>> {
  const connection = await app.sql.reserve();
  await connection.unsafe(`begin; lock table ${table} in access exclusive mode`);
  return async () => {
    await connection.unsafe("rollback");
    connection.release();
  };
}
const waiting = async (table: string) =>
  (await app.sql`select count(*)::int as count from pg_locks where not granted and relation = ${table}::regclass`)[0]!
    .count as number;

it.each(HOSTILE)("$name", async ({ actor, connections, body, answers, waitsFor }) => {
  const other = await app.as("otherViewer");
  const token = actor === "anonymous" ? null : (await app.as(actor)).token;
  const { status, data } = await other.run(OWN);
  expect([status, data.scans.nodes.length]).toEqual([200, 5]);
  app.log.length = 0;

  const release = waitsFor === undefined ? undefined : await hold(waitsFor);
  let left = connections * ROUNDS;
  const hostile = Promise.all(
    Array.from({ length: connections }, async (_, connection) => {
      const codes: string[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        codes.push(await send(body(connection * ROUNDS + round), token));
        left -= 1;
      }
      return codes;
    }),
  );
  try {
    if (waitsFor) while ((await waiting(waitsFor)) === 0) expect(left).toBe(connections * ROUNDS);
    let asked = 0;
    do {
      const answer = await other.run(OWN);
      expect([answer.status, answer.data]).toEqual([200, data]);
      asked += 1;
    } while (waitsFor ? asked < ASKED : left > 0);
    // Whoever waits, waits behind nobody but itself.
    if (waitsFor) expect(left).toBe(connections * ROUNDS);
  } finally {
    await release?.();
  }
  const codes = new Set((await hostile).flat());
  expect([...codes].filter((code) => !answers.includes(code))).toEqual([]);
  expect(app.log.filter(({ level }) => level === "error")).toEqual([]);
});
