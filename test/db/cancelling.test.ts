/** A statement that nobody wants any more is stopped in PostgreSQL, and no other statement is harmed by it. */
import { beforeAll, expect, it, onTestFinished, vi } from "vitest";
import { echo, pid, someone, useCancelling, wait } from "../support/cancelling.js";
import { openProxy } from "../support/proxy.js";
import { SOON } from "../support/soon.js";

const { app, open, waiting, waitingFor, untilWaiting, lock, opened } = useCancelling();
let database: string;
beforeAll(() => {
  ({ database } = opened());
});

it("who leaves is stopped, and eight who wait for the same connection are answered, each exactly once", async () => {
  const [analyst, admin, viewer] = [await app.as("analyst"), await app.as("admin"), await app.as("viewer")];
  const leaving = new AbortController();
  const answers = await app.sql.begin(async (locking) => {
    await locking`lock table scans in access exclusive mode`;
    const left = fetch(`${app.url}/graphql`, {
      method: "POST",
      signal: leaving.signal,
      headers: { "content-type": "application/json", authorization: `Bearer ${analyst.token}` },
      body: JSON.stringify({ query: "{ scans(first: 1) { nodes { id } } }" }),
    }).catch(({ name }) => name);
    await untilWaiting(1);
    const create = (n: number) =>
      admin.run(
        `mutation { createOrganization(input: { name: "behind", domain: "behind-${n}.example" }) { organization { domain } } }`,
      );
    const behind = [0, 1, 2, 3].flatMap((n) => [
      create(n),
      viewer.run("{ viewer { role } organizations { totalCount } }"),
    ]);
    leaving.abort();
    expect(await left).toBe("AbortError");
    // The lock is still held.
    const answers = await Promise.all(behind);
    expect(await waiting()).toBe(0);
    return answers;
  });
  expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
  const domains = answers.flatMap(({ data }) => data.createOrganization?.organization.domain ?? []);
  expect(domains).toEqual([0, 1, 2, 3].map((n) => `behind-${n}.example`));
  expect(await app.sql`select count(*)::int as n from organizations where name = 'behind'`).toEqual([{ n: 4 }]);
  expect(
    await app.sql`select success, count(*)::int as n from audit_logs where action = 'organization.create' group by success`,
  ).toEqual([{ success: true, n: 4 }]);
});

it("a change whose client leaves is done, and its record says so", async () => {
  const analyst = await app.as("analyst");
  const leaving = new AbortController();
  const query = `mutation { createScan(input: { organizationId: "1", targetUrl: "https://left.example/", scanType: "T" }) { scan { id } } }`;
  await app.sql.begin(async (locking) => {
    await locking`lock table scans in access exclusive mode`;
    const left = fetch(`${app.url}/graphql`, {
      method: "POST",
      signal: leaving.signal,
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${analyst.token}`,
        "x-request-id": "left",
      },
      body: JSON.stringify({ query }),
    }).catch(({ name }) => name);
    await untilWaiting(1);
    leaving.abort();
    expect(await left).toBe("AbortError");
  });
  await vi.waitFor(
    async () =>
      expect(await app.sql`select success from audit_logs where request_id = 'left'`).toEqual([{ success: true }]),
    SOON,
  );
  const rows = await app.sql`select count(*)::int as n from scans where target_url = 'https://left.example/'`;
  expect(rows).toEqual([{ n: 1 }]);
});

it.each([
  ["in the open", false],
  ["over TLS", true],
])("those who were sent behind it are answered, on the same connection, %s", async (_, isSecure) => {
  const proxy = await openProxy(undefined, isSecure);
  onTestFinished(() => proxy.close());
  const client = open({ connection: { ...proxy.connection, database } });
  const first = await pid(client);
  await lock(1);
  const left = someone("left");
  const texts = ["a", "b", "c", "d", "e", "f", "g"];
  const stopped = wait(client, left, 1).catch(({ code }) => code);
  const behind = texts.map((text) => echo(client, someone(text), text));
  await untilWaiting(1);
  client.stopReads(left);
  expect(await stopped).toBe("TIMEOUT");
  expect(await Promise.all(behind)).toEqual(texts.map((text) => [text]));
  expect(await waiting()).toBe(0);
  expect(await pid(client)).toBe(first);
});

it("who is stopped in another's place is sent again, and what comes meanwhile waits until the cancel is done", async () => {
  const proxy = await openProxy();
  onTestFinished(() => proxy.close());
  const client = open({ connection: { ...proxy.connection, database } });
  const unlock = await lock(1, 2);
  const left = someone("left");
  const meant = wait(client, left, 1).catch(({ code }) => code);
  const next = wait(client, someone("next"), 2, "next");
  const last = echo(client, someone("last"), "last");
  await untilWaiting(1);
  const [asked] =
    await app.sql`select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  proxy.state.holdsCancels = true;
  client.stopReads(left);
  await vi.waitFor(() => expect(proxy.state.cancels).toBe(1), SOON);
  expect(await meant).toBe("TIMEOUT");
  // It ends by itself before it is cancelled; the next one runs then.
  await unlock(1);
  const begunAt = async () =>
    (
      await app.sql`select query_start as at from pg_stat_activity where pid = ${asked?.pid} and wait_event_type = 'Lock'`
    )[0]?.at;
  await vi.waitFor(async () => expect(await waitingFor(2)).toBe(1), SOON);
  const before = await begunAt();
  proxy.release();
  await vi.waitFor(async () => {
    const at = await begunAt();
    expect(at).toBeDefined();
    expect(at).not.toEqual(before);
  }, SOON);
  await unlock(2);
  expect(await Promise.all([next, last])).toEqual([["", "next"], ["last"]]);
});

it("while a connection is being cancelled, it takes no new statement", async () => {
  const proxy = await openProxy();
  onTestFinished(() => proxy.close());
  const client = open({ connection: { ...proxy.connection, database } });
  const unlock = await lock(1, 2);
  const left = someone("left");
  const meant = wait(client, left, 1).catch(({ code }) => code);
  await untilWaiting(1);
  proxy.state.holdsCancels = true;
  client.stopReads(left);
  await vi.waitFor(() => expect(proxy.state.cancels).toBe(1), SOON);
  await unlock(1);
  expect(await meant).toBe("TIMEOUT");
  await untilWaiting(0);
  const next = wait(client, someone("next"), 2, "next");
  for (let n = 0; n < 30; n++) expect(await waitingFor(2)).toBe(0);
  proxy.release();
  await vi.waitFor(async () => expect(await waitingFor(2)).toBe(1), SOON);
  await unlock(2);
  expect(await next).toEqual(["", "next"]);
});

it("nor does it in the same turn of the event loop", async () => {
  const proxy = await openProxy();
  onTestFinished(() => proxy.close());
  const client = open({ connection: { ...proxy.connection, database } });
  await pid(client);
  await lock(1, 2);
  proxy.state.holdsCancels = true;
  const left = someone("left");
  const meant = wait(client, left, 1).catch(({ code }) => code);
  client.stopReads(left);
  const next = wait(client, someone("next"), 2, "next").catch(({ code }) => code);
  await vi.waitFor(async () => expect(await waitingFor(1)).toBe(1), SOON);
  await vi.waitFor(() => expect(proxy.state.cancels).toBe(1), SOON);
  const [asked] = await app.sql`
    select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  // As if it had ended by itself.
  await app.sql`select pg_cancel_backend(${asked?.pid})`;
  expect(await meant).toBe("TIMEOUT");
  await vi.waitFor(async () => expect(await waitingFor(1)).toBe(0), SOON);
  for (let n = 0; n < 30; n++) expect(await waitingFor(2)).toBe(0);
  proxy.release();
  await vi.waitFor(async () => expect(await waitingFor(2)).toBe(1), SOON);
  await app.sql`select pg_cancel_backend(${asked?.pid})`;
  expect(await next).toBe("TIMEOUT");
});
