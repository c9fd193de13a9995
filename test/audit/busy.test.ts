/** Records of what is refused while the database is busy: all there when the answer is, exactly once, in few statements. */
import { expect, it, vi } from "vitest";
import { type Answer, testApp } from "../support/app.js";
import { both, recorded, refuse, stateOf } from "../support/refusals.js";

const app = testApp({ DATABASE_POOL_SIZE: "2" });

it("slow statements on every connection of the pool keep no record waiting", async () => {
  const [viewer, analyst, admin] = [await app.as("viewer"), await app.as("analyst"), await app.as("admin")];
  const { slow } = await app.sql.begin(async (sql) => {
    await sql`lock table scans in access exclusive mode`;
    const held = () =>
      app.sql`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
    const slow: Promise<Answer>[] = [];
    // Nobody gets all connections.
    for (const [index, client] of [analyst, admin].entries()) {
      for (let n = 0; n < 3; n++) slow.push(client.run("{ scans(first: 1) { nodes { id } } }"));
      await vi.waitFor(async () => expect(await held()).toHaveLength(index + 1), 5000);
    }
    app.statements.length = 0;
    const answers = await refuse(viewer, "busy", 40);
    expect(answers.map(({ code }) => code)).toEqual(Array(40).fill("FORBIDDEN"));
    expect(await recorded(app, "busy")).toEqual(both("busy", 40));
    expect(await held()).toHaveLength(2);
    expect(await stateOf(app.url)).toEqual({ waiting: 0, lost: 0 });
    // Gathered while others were written.
    expect(app.statements.length).toBeLessThan(40);
    return { slow };
  });
  for (const answer of await Promise.all(slow)) expect(answer.errors).toBeUndefined();
  expect(await app.sql`select from scans where target_url = 'https://refused.example/'`).toEqual([]);
});

it("they are in the order in which things happened, with the time of that", async () => {
  const [viewer, security] = [await app.as("viewer"), await app.as("security")];
  const since = new Date();
  for (let n = 0; n < 5; n++) await refuse(viewer, `order-${n}`, 1);
  const { data } = await security.run(
    "{ auditLogs(first: 5) { nodes { requestId timestamp } } securityEvents(first: 5) { nodes { metadata createdAt } } }",
  );
  const ids = [4, 3, 2, 1, 0].map((n) => `order-${n}-0`);
  expect(data.auditLogs.nodes.map(({ requestId }: { requestId: string }) => requestId)).toEqual(ids);
  expect(
    data.securityEvents.nodes.map(({ metadata }: { metadata: { requestId: string } }) => metadata.requestId),
  ).toEqual(ids);
  for (const { timestamp } of data.auditLogs.nodes) {
    expect(Date.parse(timestamp)).toBeGreaterThanOrEqual(since.getTime());
    expect(Date.parse(timestamp)).toBeLessThanOrEqual(Date.now());
  }
});
