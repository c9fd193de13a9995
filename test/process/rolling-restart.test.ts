/** Replicas are stopped and started one after the other under load: no request is lost, and each stop has an order. */
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { PASSWORD } from "../support/app.js";
import { startedDatabase } from "../support/empty-database.js";
import { ensureBuilt, PATIENCE_MS, signIn, startPostern } from "../support/postern.js";
import { eventually, processesIn, useSandbox } from "../support/sandbox.js";

const sandbox = useSandbox();
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });
beforeAll(ensureBuilt);

const CONNECTIONS = 100;
/** Of a load balancer that asks for the readiness ten times a second. */
const LOOK_EVERY_MS = 100;
const GRACE_MS = 1500;
const PACE_MS = 400;

interface Answered {
  readonly status: number;
  readonly text: string;
  readonly connection: string | undefined;
}

function send(url: string, agent: Agent, body: string, token: string): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
    const sent = request(`${url}/graphql`, { method: "POST", agent, headers }, (response) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, text, connection: response.headers.connection }),
      );
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

test("a rolling restart of two replicas under 100 keep-alive connections fails no request", async () => {
  const { environment } = await startedDatabase();
  const start = () =>
    startPostern(sandbox.path, {
      ...environment,
      DEMO: "true",
      DEMO_PASSWORD: PASSWORD,
      SHUTDOWN_GRACE_MS: String(GRACE_MS),
    });
  let replicas = [start(), start()];
  const urls = (await Promise.all(replicas.map((replica) => replica.ready()))).map(({ url }) => url);
  const token = await signIn(urls[0]!, "viewer@demo.example", PASSWORD);
  const ready = new Set(urls);
  const look = setInterval(() => {
    for (const url of urls) {
      fetch(`${url}/health/ready`).then(
        ({ ok }) => (ok ? ready.add(url) : ready.delete(url)),
        () => ready.delete(url),
      );
    }
  }, LOOK_EVERY_MS);
  onTestFinished(() => clearInterval(look));

  let isOver = false;
  const counts = { answered: 0, told: 0 };
  const failures: unknown[] = [];
  const body = JSON.stringify({ query: "{ viewer { role } scans(first: 1) { totalCount } }" });
  const client = async (index: number) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    let last: string | undefined;
    for (let n = index; !isOver; n++) {
      const all = [...ready];
      // The first stays where it is until it is told to close, as a client without a load balancer does.
      const url = (index === 0 && last) || all[n % all.length]!;
      try {
        const { status, text, connection } = await send(url, agent, body, token);
        if (status !== 200 || !text.includes('"totalCount":30')) failures.push([status, text]);
        counts.answered++;
        last = connection === "close" ? undefined : url;
        if (connection === "close") counts.told++;
      } catch (error) {
        failures.push(error);
      }
      // Enough for each connection to ask in every phase; more would only keep the machine from starting replicas.
      await delay(PACE_MS);
    }
    agent.destroy();
  };
  const clients = Array.from({ length: CONNECTIONS }, (_, index) => client(index));
  for (const index of [0, 1]) {
    const before = counts.answered;
    await eventually(() => counts.answered > before + CONNECTIONS, PATIENCE_MS);
    replicas[index]!.kill("SIGTERM");
    expect(await replicas[index]!.ended()).toBe(0);
    const next = start();
    replicas = replicas.map((each, at) => (at === index ? next : each));
    urls[index] = (await next.ready()).url;
    await eventually(() => ready.has(urls[index]!), PATIENCE_MS);
  }
  const before = counts.answered;
  await eventually(() => counts.answered > before + CONNECTIONS, PATIENCE_MS);
  isOver = true;
  await Promise.all(clients);
  expect(failures).toEqual([]);
  expect(counts.told, "connections that were told to close").toBeGreaterThan(0);
  for (const replica of replicas) replica.kill("SIGTERM");
  expect(await Promise.all(replicas.map((replica) => replica.ended()))).toEqual([0, 0]);
  expect(await processesIn(sandbox.path)).toEqual([]);
});

test("readiness turns first; what comes in the grace is answered on a connection that closes; a later signal hurries", async () => {
  const { environment } = await startedDatabase();
  const postern = startPostern(sandbox.path, {
    ...environment,
    ADMIN_PASSWORD: PASSWORD,
    SHUTDOWN_GRACE_MS: "600000",
  });
  const { url } = await postern.ready();
  const silent = connect(Number(new URL(url).port), "127.0.0.1");
  onTestFinished(() => void silent.destroy());
  postern.kill("SIGTERM");
  const stopping = { status: "stopping", database: "up", records: { waiting: 0, lost: 0 } };
  await eventually(async () => (await fetch(`${url}/health/ready`)).status === 503, PATIENCE_MS);
  const answer = await fetch(`${url}/health/ready`);
  expect([answer.status, await answer.json(), answer.headers.get("connection")]).toEqual([
    503,
    expect.objectContaining(stopping),
    "close",
  ]);
  expect((await fetch(`${url}/health/live`)).status).toBe(200);
  // The same wish once more, as npm passes it on, hurries nothing.
  postern.kill("SIGTERM");
  expect((await fetch(`${url}/health/live`)).status).toBe(200);
  await eventually(() => {
    postern.kill("SIGTERM");
    return postern.hasEnded();
  }, PATIENCE_MS);
  expect(await postern.ended()).toBe(0);
});
