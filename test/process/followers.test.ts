/** kill -9 of a replica under its subscribers: they come back to another one, and see all as it is now. */
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { EMAILS, PASSWORD } from "../support/app.js";
import { startedDatabase } from "../support/empty-database.js";
import { insertInstance, insertOperation } from "../support/fleet-port.js";
import { openLive, socketUrl } from "../support/live.js";
import { ensureBuilt, signIn, startPostern } from "../support/postern.js";
import { useSandbox } from "../support/sandbox.js";
import { SOON } from "../support/soon.js";

const sandbox = useSandbox();
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });
beforeAll(ensureBuilt);

const ONE = "subscription ($id: ID!) { operationUpdated(operationId: $id) { status resourceStatus } }";
const MANY = "subscription { operationsUpdated { id resourceStatus } }";
const EVENTS = 'subscription { securityEventRecorded(filter: { eventType: { startsWith: "after" } }) { eventType } }';

test("followers of a replica that is killed get the current state from another one, and what comes then", async () => {
  const { sql, environment } = await startedDatabase();
  const start = () => startPostern(sandbox.path, { ...environment, DEMO: "false" });
  const [dying, staying] = [start(), start()];
  const [first, second] = await Promise.all([dying.ready(), staying.ready()]);
  const token = await signIn(first.url, EMAILS.admin, PASSWORD);
  const id = await insertOperation({ sql }, await insertInstance({ sql }, "TEST"), "RUNNING");
  const setStatus = (text: string) => sql`update operations set resource_status = ${text} where id = ${id}`;

  // As behind a load balancer, which sends them to the other one once it has seen the death.
  let { url } = first;
  const seen = Promise.withResolvers<void>();
  const lives = [1, 2, 3].map(() =>
    openLive("", token, {
      url: () => socketUrl(url),
      retryAttempts: 20,
      retryWait: () => seen.promise,
      shouldRetry: () => true,
    }),
  );
  onTestFinished(() => lives.forEach((live) => void live.dispose()));
  const ones = lives.map((live) => live.follow(ONE, { id }));
  const manies = lives.map((live) => live.follow(MANY));
  const events = lives.map((live) => live.follow(EVENTS));
  const all = [...ones, ...manies];
  await Promise.all(all.map((following) => following.count(1)));

  dying.kill("SIGKILL");
  expect(await dying.ended()).toBe("SIGKILL");
  await setStatus("while nobody listens");
  url = second.url;
  seen.resolve();
  for (const following of ones)
    expect((await following.count(2))[1]).toEqual({ status: "RUNNING", resourceStatus: "while nobody listens" });
  for (const following of manies)
    expect((await following.count(2))[1]).toEqual({ id, resourceStatus: "while nobody listens" });
  await vi.waitFor(async () => {
    await sql`insert into security_events (event_type, event_status) values ('after', 'SUCCESS')`;
    for (const { messages } of events) expect(messages.length).toBeGreaterThan(0);
  }, SOON);

  await setStatus("as they listen again");
  for (const following of all)
    expect((await following.count(3))[2]).toMatchObject({ resourceStatus: "as they listen again" });
  expect(lives.map(({ closes }) => closes.map(({ code }) => code))).toEqual([[1006], [1006], [1006]]);
  expect(all.map(({ messages, ended }) => [messages.length, ended()])).toEqual(all.map(() => [3, undefined]));
  await Promise.all(lives.map((live) => live.dispose()));
  staying.kill("SIGTERM");
  expect(await staying.ended()).toBe(0);
});
