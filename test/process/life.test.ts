/** The life of a Postern with a database of its own: first start, stops at any moment, kills, and neighbours. */
import { readdir, readFile } from "node:fs/promises";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test, vi } from "vitest";
import { isDeep } from "../support/deep.js";
import { openLive } from "../support/live.js";
import { ask, ensureBuilt, oneInstance, PATIENCE_MS, signIn, startNode, startPostern } from "../support/postern.js";
import { eventually, processesIn, useSandbox } from "../support/sandbox.js";

const sandbox = useSandbox();
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });
beforeAll(ensureBuilt);

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** How many times slower things may be because others use the machine, too. */
const crowding = () => Math.max(1, loadavg()[0]! / availableParallelism());
const PASSWORD = "four random words of ours";
const DEMO = { DEMO: "true", DEMO_PASSWORD: PASSWORD };
const folder = (name: string) => join(sandbox.path, name);
const start = (name: string, environment: Record<string, string> = {}) =>
  startPostern(sandbox.path, { DATA_DIR: folder(name), DEMO: "false", ADMIN_PASSWORD: PASSWORD, ...environment });
const count = async (list: "scans" | "organizations" | "instances", url: string, token: string) =>
  (await ask(url, `{ ${list} { totalCount } }`, token))[list].totalCount;
const postmasterPid = async (name: string) =>
  Number.parseInt(await readFile(join(folder(name), "database/data/postmaster.pid"), "utf8"), 10);

test("what the first start prints is enough to sign in and ask; Ctrl-C ends all; the next start has the same data", async () => {
  const first = start("first", { DEMO: "true", ADMIN_PASSWORD: "" });
  const { url, tookMs } = await first.ready();
  expect(tookMs).toBeLessThan(10_000 * crowding());
  const output = first.output();
  const admin = /Administrator created: (\S+)\n {2}password: (\S+)/.exec(output)!;
  const demo = /Demo users created: .*\n {2}password: (\S+)/.exec(output)!;
  await signIn(url, admin[1]!, admin[2]!);
  const mutation = /mutation .*/.exec(output)![0].replace('"..."', JSON.stringify(demo[1]));
  const token: string = (await ask(url, mutation)).signIn.accessToken;
  const answer = await ask(url, /query .*/.exec(output)![0], token);
  expect(answer).toMatchObject({ viewer: { role: "ADMIN" }, scans: { totalCount: 60 } });
  await ask(
    url,
    'mutation { createScan(input: { organizationId: "1", targetUrl: "https://kept.example/", scanType: "FULL" }) { scan { id } } }',
    token,
  );
  await eventually(async () => (await count("instances", url, token)) === 3, PATIENCE_MS);
  const live = openLive(url, token);
  const following = live.follow("subscription { securityEventRecorded { eventType } }");
  await vi.waitFor(
    async () => {
      await signIn(url, admin[1]!, admin[2]!);
      expect(following.messages.length).toBeGreaterThan(0);
    },
    { timeout: PATIENCE_MS, interval: 500 },
  );
  // Again and again: the terminal's, the one that npm passes on, an impatient user's.
  const ended = first.ended();
  await eventually(() => {
    first.killGroup("SIGINT");
    return first.hasEnded();
  }, PATIENCE_MS);
  expect(await ended).toBe(0);
  expect(await live.closed()).toEqual([1001, "Postern stops: connect again."]);
  expect(await processesIn(sandbox.path)).toEqual([]);

  const second = start("first", { ...DEMO, DEMO_AWS: "true" });
  const again = await second.ready();
  expect(again.tookMs).toBeLessThan(4_000 * crowding());
  expect(second.output()).not.toContain("created: ");
  expect(second.output()).toContain("The AWS accounts are simulated (DEMO_AWS)");
  expect(await count("scans", again.url, token)).toBe(61);
  await eventually(async () => (await count("instances", again.url, token)) === 15, PATIENCE_MS);
  second.kill("SIGTERM");
  expect(await second.ended()).toBe(0);
  expect(await processesIn(sandbox.path)).toEqual([]);
});

test("a signal to the whole group at any moment of the start ends it with 0", async () => {
  const loading = start("loading");
  // The library of argon2 is among the last that are loaded, long before anything is started.
  const maps = () => readFile(`/proc/${loading.pid}/maps`, "utf8").catch(() => "");
  await eventually(async () => (await maps()).includes("argon2"), PATIENCE_MS);
  loading.killGroup("SIGINT");
  expect(await loading.ended()).toBe(0);

  const making = start("stopped", DEMO);
  await eventually(
    async () => (await readdir(folder("stopped/database")).catch(() => [])).some((entry) => entry.startsWith("init-")),
    PATIENCE_MS,
  );
  making.killGroup("SIGINT");
  expect(await making.ended()).toBe(0);
  expect(making.output()).toBe("");

  const seeding = start("stopped", DEMO);
  await seeding.printed(/(Administrator created)/);
  seeding.killGroup("SIGTERM");
  expect(await seeding.ended()).toBe(0);
  expect(await processesIn(sandbox.path)).toEqual([]);
});

test("after kill -9 of Postern, of its group, and of the database too, the next start recovers by itself", async () => {
  const INSTANCE = { LOCAL_INSTANCES: oneInstance(false) };
  let killed = start("one", INSTANCE);
  let url = (await killed.ready()).url;
  const token = await signIn(url, "admin@postern.example", PASSWORD);
  await ask(
    url,
    'mutation { createOrganization(input: { name: "Kept", domain: "kept.example" }) { organization { id } } }',
    token,
  );
  await eventually(async () => (await count("instances", url, token)) === 1, PATIENCE_MS);
  for (const kill of [
    () => killed.kill("SIGKILL"),
    () => killed.killGroup("SIGKILL"),
    async () => {
      const pid = await postmasterPid("one");
      killed.killGroup("SIGKILL");
      process.kill(pid, "SIGKILL");
    },
  ]) {
    await kill();
    expect(await killed.ended()).toBe("SIGKILL");
    killed = start("one", INSTANCE);
    url = (await killed.ready()).url;
    expect(await count("organizations", url, token)).toBe(1);
  }
  killed.kill("SIGTERM");
  expect(await killed.ended()).toBe(0);
});

test.runIf(isDeep)(
  "copies run side by side; one with the folder or the port of another says so, ends with the code of its kind, and harms nobody",
  async () => {
    const [one, other] = [start("one"), start("stopped")];
    const { url } = await one.ready();
    const sameFolder = start("one");
    await other.ready();
    const samePort = start("first", { PORT: new URL(url).port });
    expect(await sameFolder.ended()).toBe(75);
    expect(sameFolder.output()).toBe(
      `Postern cannot start: Another Postern uses the data folder ${folder("one")}. ` +
        "Stop that one first, or give this one another data folder.\n",
    );
    expect(await samePort.ended()).toBe(73);
    expect(samePort.output()).toMatch(/The port is taken\. Stop what listens there, or set PORT to another one/);
    expect(await processesIn(folder("first"))).toEqual([]);
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    for (const each of [one, other]) each.killGroup("SIGTERM");
    expect(await Promise.all([one.ended(), other.ended()])).toEqual([0, 0]);
  },
);

test.runIf(isDeep)(
  "signals again and again end create-admin in order, with the database that it has started",
  async () => {
    const command = startNode(ROOT, ["--import", "tsx", "src/cli/create-admin.ts", sandbox.path], {
      DATA_DIR: folder("admin"),
      ADMIN_EMAIL: "ada@example.org",
    });
    const runsDatabase = () => postmasterPid("admin").catch(() => 0);
    await eventually(runsDatabase, PATIENCE_MS);
    await eventually(async () => {
      // A signal at the very end of the process would kill it.
      if (!(await runsDatabase())) return true;
      command.kill("SIGINT");
      return command.hasEnded();
    }, PATIENCE_MS);
    expect([await command.ended(), command.output()]).toEqual([
      70,
      expect.stringMatching(/^No administrator was created: .*stopped\n$/s),
    ]);
    expect(await processesIn(sandbox.path)).toEqual([]);
  },
);
