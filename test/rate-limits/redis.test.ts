/** Requests are counted in Redis or Valkey by all replicas together, and not at all while it does not answer. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { type AddressInfo, createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createLog } from "../../src/log.js";
import { createRedisCounters } from "../../src/rate-limits/redis-counters.js";
import { EMAILS, signIn, testApp } from "../support/app.js";
import { SOON } from "../support/soon.js";
import { clientOfAddress, limitEvents, nextAddress } from "./asking.js";

const program = ["valkey-server", "redis-server"].find((name) => {
  try {
    return execFileSync(name, ["--version"]);
  } catch {
    return false;
  }
});
if (!program) console.warn("left out, as neither is on this machine: valkey-server, redis-server");

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
const port = await freePort();

describe.runIf(program)(`with ${program}`, () => {
  const LIMITS = { api: { anonymous: { points: 4 } } };
  const app = testApp({
    RATE_LIMITS: JSON.stringify(LIMITS),
    REDIS_URL: `redis://127.0.0.1:${port}`,
    TRUSTED_PROXIES: "1",
  });
  let redis: ChildProcess | undefined;
  const startRedis = () => {
    const options = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    redis = spawn(program as string, options, { stdio: "ignore" });
  };
  afterAll(() => void redis?.kill("SIGKILL"));

  const stateOf = async () => {
    const { status, rateLimits } = (await (await fetch(`${app.url}/health/ready`)).json()) as Record<string, unknown>;
    return [status, rateLimits];
  };
  const is = (redis: "up" | "down") =>
    vi.waitFor(async () => expect(await stateOf()).toEqual(["ready", { redis }]), SOON);
  const said = () =>
    app.log.filter(({ msg }) => /^Redis /.test(msg)).map(({ level, msg }) => [level, msg.split(":")[0]]);

  beforeAll(async () => {
    // It was not there at the start.
    await is("down");
    expect(said()).toEqual([["warn", "Redis does not answer"]]);
    startRedis();
    await is("up");
  });

  it("replicas count together, and one event tells of it", async () => {
    const ip = nextAddress();
    const replica = await app.replica();
    const clients = [app, { withToken: replica.as }].map((each) => clientOfAddress(each, ip));
    const ask = (n: number) => clients[n % 2]!.run("{ __typename }");
    const first = await ask(0);
    expect([first.headers.get("ratelimit-policy"), first.headers.get("ratelimit")]).toEqual([
      '"api";q=4;w=60',
      '"api";r=3;t=60',
    ]);
    const rest = await Promise.all(Array.from({ length: 9 }, (_, n) => ask(n)));
    expect(rest.map(({ status }) => status).sort()).toEqual([...Array(3).fill(200), ...Array(6).fill(429)]);
    await expect.poll(() => limitEvents(app, ip)).toHaveLength(1);
    expect(Number(rest.find(({ status }) => status === 429)?.headers.get("retry-after"))).toBeGreaterThan(0);
    await replica.stop();
  });

  it("signing in gives its point back", async () => {
    const client = clientOfAddress(app, nextAddress());
    for (let n = 0; n < 6; n++) await signIn(client, EMAILS.viewer);
    expect((await client.run("{ __typename }")).status).toBe(200);
  });

  it("a point that comes back late, or from many, makes no more than there are", async () => {
    const counters = await createRedisCounters({
      url: `redis://127.0.0.1:${port}`,
      log: createLog("silent"),
      rateKey: "of these counters",
    });
    await counters.start();
    const limit = { points: 2, seconds: 60 };
    const take = async () => (await counters.take("somebody", limit))?.points;
    // Its window is over, and nobody has asked since.
    counters.giveBack("somebody", limit);
    expect([await take(), await take()]).toEqual([1, 2]);
    counters.giveBack("somebody", limit);
    expect(await take()).toBe(2);
    await counters.stop();
  });

  it("an answer that is late because this process was busy counts, and is no outage", async () => {
    const client = clientOfAddress(app, nextAddress());
    app.log.length = 0;
    const counters = await createRedisCounters({
      url: `redis://127.0.0.1:${port}`,
      log: createLog("trace", { write: (line) => void app.log.push(JSON.parse(line)) }),
      rateKey: "of a busy process",
    });
    await counters.start();
    const taken = Promise.all(Array.from({ length: 5 }, () => counters.take("somebody", { points: 9, seconds: 60 })));
    const untilMs = performance.now() + 250;
    while (performance.now() < untilMs);
    expect((await taken).map((count) => count?.points)).toEqual([1, 2, 3, 4, 5]);
    expect([counters.isUp, said()]).toEqual([true, [["info", "Redis answers"]]]);
    await counters.stop();
    expect((await client.run("{ __typename }")).status).toBe(200);
  });

  it("while it is away nothing is counted, and the log and readiness say so", async () => {
    const ip = nextAddress();
    const client = clientOfAddress(app, ip);
    const statuses = async (count: number) => {
      const all: number[] = [];
      for (let n = 0; n < count; n++) all.push((await client.run("{ __typename }")).status);
      return all;
    };
    expect(await statuses(5)).toEqual([200, 200, 200, 200, 429]);
    app.log.length = 0;
    // It hangs: that is found by whoever asks first.
    redis!.kill("SIGSTOP");
    expect(await statuses(9)).toEqual(Array(9).fill(200));
    const { headers } = await client.run("{ __typename }");
    expect(["ratelimit", "ratelimit-policy"].map((name) => headers.get(name))).toEqual([null, null]);
    expect(await stateOf()).toEqual(["ready", { redis: "down" }]);
    redis!.kill("SIGKILL");
    startRedis();
    await is("up");
    expect((await client.run("{ __typename }")).status).toBe(200);
    expect(said()).toEqual([
      ["warn", "Redis does not answer"],
      ["info", "Redis answers"],
    ]);
  });
});
