/** A client that does not read is cut off, others go on, and memory stays bounded. */
import { once } from "node:events";
import { expect, it, vi } from "vitest";
import { testApp } from "../../support/app.js";
import { isDeep } from "../../support/deep.js";
import { heapMegabytes } from "../../support/heap.js";
import { begun, openLive, openSleeper, untilPolled } from "../../support/live.js";
import { SOON } from "../../support/soon.js";

const app = testApp(
  { SUBSCRIPTION_LIMITS: JSON.stringify({ connectionsPerActor: 100, perConnection: 100, perActor: 1000 }) },
  undefined,
  { liveMs: 100, liveSlowMs: 1000 },
);

const EVENTS = 'subscription { securityEventRecorded(filter: { eventType: { eq: "flood" } }) { id metadata } }';
/** Events of 50 KB each. */
const flood = (count: number) =>
  app.sql`insert into security_events (event_type, event_status, metadata)
    select 'flood', 'WARNING', jsonb_build_object('text', repeat('x', 50000)) from generate_series(1, ${count})`;

it("a slow one is cut off, and a quick one gets everything once", { timeout: 60_000 }, async () => {
  const { token } = await app.as("security");
  const slow = await openSleeper(app, token as string, EVENTS);
  const quick = openLive(app.url, token);
  const following = await begun(app, () => quick.follow(EVENTS));
  const isCut = () => app.log.some(({ msg }) => msg === "a subscriber that reads too slowly is cut off");
  let sent = 0;
  while (!isCut() && sent < 1000) {
    await flood(50);
    sent += 50;
    await following.count(sent);
  }
  await vi.waitFor(() => expect(isCut()).toBe(true), SOON);
  expect(following.messages).toHaveLength(sent);
  expect(new Set(following.rows().map(({ id }) => id)).size).toBe(sent);
  const closed = once(slow, "close");
  slow.resume();
  expect((await closed)[0]).toBe(1006);
  quick.dispose();
});

it("rows that are too much for one message each come alone, and one that is too long ends it", {
  timeout: 60_000,
}, async () => {
  const live = openLive(app.url, (await app.as("security")).token);
  const query = 'subscription { securityEventRecorded(filter: { eventType: { eq: "long" } }) { id metadata } }';
  const following = await begun(app, () => live.follow(query));
  const long = (
    bytes: number,
    count: number,
  ) => app.sql`insert into security_events (event_type, event_status, metadata)
    select 'long', 'WARNING', jsonb_build_object('text', repeat('x', ${bytes}::int)) from generate_series(1, ${count}::int)`;
  await long(400_000, 30);
  expect(new Set((await following.count(30)).map(({ id }) => id)).size).toBe(30);
  await long(1_100_000, 1);
  expect(await following.refused()).toEqual(["LIMIT_EXCEEDED"]);
  expect(following.ended()?.[0].extensions.limit).toBe("answer");
  live.dispose();
});

it("more than a subscription can follow ends it, and says so", { timeout: 60_000 }, async () => {
  const live = openLive(app.url, (await app.as("security")).token);
  const following = await begun(app, () => live.follow("subscription { securityEventRecorded { id } }"));
  await app.sql`insert into security_events (event_type, event_status) select 'many', 'SUCCESS' from generate_series(1, 10100)`;
  expect(await following.refused()).toEqual(["LIMIT_EXCEEDED"]);
  expect(following.ended()?.[0].extensions.limit).toBe("changes");
  live.dispose();
});

it("changes are not kept for each of many subscriptions while none can be read", { timeout: 60_000 }, async () => {
  const { token } = await app.as("security");
  const lives = Array.from({ length: 2 }, () => openLive(app.url, token));
  const follow = () =>
    lives.flatMap((live) =>
      Array.from({ length: 50 }, () => live.follow("subscription { securityEventRecorded { id } }")),
    );
  const followings = await begun(app, follow, 100);
  const note = (from: number, to: number) =>
    app.sql`insert into row_changes (source, row_id) select 'security_events', n from generate_series(${from}::int, ${to}::int) n`;
  const before = heapMegabytes();
  await app.sql.begin(async (sql) => {
    await sql`lock security_events`;
    // Each takes the first and waits. What comes then cannot be taken.
    for (let n = 0; n < 5; n++) {
      await note(n * 15_000, n === 0 ? 0 : n * 15_000 + 14_999);
      await untilPolled(app, 2);
    }
    expect(heapMegabytes() - before).toBeLessThan(50);
  });
  for (const following of followings) expect(await following.refused()).toEqual(["LIMIT_EXCEEDED"]);
  for (const live of lives) live.dispose();
});

it.runIf(isDeep)(
  "500 subscriptions with a slow one get everything, in bounded memory",
  { timeout: 300_000 },
  async () => {
    const { token } = await app.as("admin");
    const slow = await openSleeper(app, token as string, EVENTS);
    const lives = Array.from({ length: 10 }, () => openLive(app.url, token));
    const query =
      'subscription { securityEventRecorded(filter: { eventType: { startsWith: "steady" } }) { id eventType } }';
    const follow = () => lives.flatMap((live) => Array.from({ length: 50 }, () => live.follow(query)));
    const followings = await begun(app, follow, 500);
    const before = process.memoryUsage().rss;
    for (let n = 0; n < 30; n++) {
      await app.sql`insert into security_events (event_type, event_status) select 'steady_' || n, 'SUCCESS' from generate_series(1, 10) n`;
      await flood(2);
    }
    for (const following of followings) {
      const rows = await following.count(300, { timeout: 200_000, interval: 200 });
      expect(new Set(rows.map(({ id }) => id)).size).toBe(300);
    }
    // What the followings keep here is a quarter of it.
    expect((process.memoryUsage().rss - before) / 1_048_576).toBeLessThan(700);
    for (const live of lives) live.dispose();
    slow.terminate();
  },
);
