/** Behind a PgBouncer with fewer connections than Postern opens, every statement gets its own answer and is done once. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type Client, createClient } from "../../src/db/client.js";
import { UsualTime } from "../../src/db/driver/usual-time.js";
import { testApp } from "../support/app.js";
import { cases } from "../support/deep.js";

const quick = () => new UsualTime(0);
const ROUNDS = cases(20, 200);
/** More than Postern's connections, which are more than the pooler's. */
const AT_ONCE = 40;

describe.skipIf(!inject("pooler"))("behind a pooler", () => {
  const app = testApp();
  let client: Client;
  beforeAll(async () => {
    const database = (await app.sql`select current_database() as name`)[0]?.name;
    client = createClient({ connection: { ...inject("appConnection"), database }, poolSize: 10 });
  });
  afterAll(() => client.close());

  const all = <T>(work: (n: number) => Promise<T>) => Promise.all(Array.from({ length: AT_ONCE }, (_, n) => work(n)));

  it.each([true, false])(
    "statements get their own answers, also while new ones are described (together: %s)",
    async (together) => {
      for (let round = 0; round < ROUNDS; round++) {
        const answers = await all((n) => {
          // Without parameters the driver waits for nothing before the next: it would be described behind this one.
          const values = n % 3 === 0 ? [`'${n}'`, `'${round}'`] : ["$1::text", "$2::text"];
          const text = `select ${values[0]}, '${together} ${n % 7} ${round % 5}', ${"null, ".repeat(n % 4)}${values[1]}`;
          return client.query(text, n % 3 === 0 ? [] : [`${n}`, `${round}`], true, together ? quick() : undefined);
        });
        expect(answers.map((row) => [row[0], row[1], row.at(-1)])).toEqual(
          answers.map((_, n) => [`${n}`, `${together} ${n % 7} ${round % 5}`, `${round}`]),
        );
      }
    },
  );

  it("changes are answered with their own row, and leave one row and one record each", async () => {
    const analyst = await app.as("analyst");
    const run = randomUUID().slice(0, 8);
    for (let round = 0; round < ROUNDS; round++) {
      const answers = await all((n) => {
        const fields = ["id", "targetUrl", "scanType", "version", "status"].slice(0, 2 + ((n + round) % 4)).join(" ");
        const document = `mutation($input: CreateScanInput!) { createScan(input: $input) { scan { ${fields} organization { name } } } }`;
        const input = { organizationId: "1", targetUrl: `https://${run}.example/${round}/${n}`, scanType: "FULL" };
        return analyst.run(document, { input }, { "x-request-id": `${run}-${round}-${n}` });
      });
      expect(answers.map(({ data, errors }) => errors ?? data.createScan.scan.targetUrl)).toEqual(
        answers.map((_, n) => `https://${run}.example/${round}/${n}`),
      );
      const ids = answers.map(({ data }) => data.createScan.scan.id);
      const rows =
        await app.sql`select id::text, target_url from scans where target_url like ${`https://${run}.example/${round}/%`}`;
      expect(new Map(rows.map(({ id, target_url }) => [target_url, id]))).toEqual(
        new Map(ids.map((id, n) => [`https://${run}.example/${round}/${n}`, id])),
      );
      const records = await app.sql`
        select request_id, resource_id, success from audit_logs where request_id like ${`${run}-${round}-%`}`;
      expect([...records].sort((a, b) => (a.request_id < b.request_id ? -1 : 1))).toEqual(
        ids
          .map((id, n) => ({ request_id: `${run}-${round}-${n}`, resource_id: id, success: true }))
          .sort((a, b) => (a.request_id < b.request_id ? -1 : 1)),
      );
    }
  });

  it("reads of one turn of the event loop are answered with their own rows", async () => {
    const analyst = await app.as("analyst");
    const { data } = await analyst.run("{ scans(first: 30) { nodes { id targetUrl } } }");
    const known: { id: string; targetUrl: string }[] = data.scans.nodes;
    for (let round = 0; round < ROUNDS; round++) {
      const answers = await all((n) => {
        const fields = ["id", "targetUrl", "status", "version"].slice(0, 2 + ((n + round) % 3)).join(" ");
        return analyst.run(`query($id: ID!) { scan(id: $id) { ${fields} } }`, { id: known[n % known.length]!.id });
      });
      expect(answers.map(({ data, errors }) => errors ?? data.scan)).toMatchObject(
        answers.map((_, n) => known[n % known.length]!),
      );
    }
  });
});
