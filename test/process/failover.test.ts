/** A primary that freezes while Postern runs, and Postern that is killed while it fails over by itself. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test, vi } from "vitest";
import { findPostmaster } from "../../src/postgres/postmaster.js";
import { cases } from "../support/deep.js";
import { ask, ensureBuilt, oneInstance, PATIENCE_MS, signIn, startPostern } from "../support/postern.js";
import { eventually, processesIn, useSandbox } from "../support/sandbox.js";

const sandbox = useSandbox();
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });
beforeAll(ensureBuilt);

const PASSWORD = "four random words of ours";
const start = () =>
  startPostern(sandbox.path, {
    DATA_DIR: join(sandbox.path, "data"),
    DEMO: "false",
    ADMIN_PASSWORD: PASSWORD,
    LOCAL_INSTANCES: oneInstance(true, { autoFailover: { afterSeconds: 5 } }),
  });
const INSTANCE = `{ instance(id: "orders-test") { status members { name role status } autoFailover { afterSeconds maxLagBytes }
  operations { nodes { status parameters requestedBy } } } }`;

// Its parts have short tests of their own.
test.runIf(cases(0, 1) > 0)(
  "the standby takes over from a frozen primary by itself, also where Postern is killed meanwhile",
  async () => {
    const first = start();
    const before = await first.ready();
    const token = await signIn(before.url, "admin@postern.example", PASSWORD);
    const look = async (url: string) => (await ask(url, INSTANCE, token)).instance;
    const whole = (url: string) =>
      eventually(async () => {
        const instance = await look(url);
        return instance?.status === "available" && instance.members[1].status === "available" && instance;
      }, PATIENCE_MS * 2);
    expect((await whole(before.url)).autoFailover).toEqual({ afterSeconds: 5, maxLagBytes: 16_777_216 });

    const [id] = await readdir(join(sandbox.path, "data/fleet/instances"));
    const data = join(sandbox.path, "data/fleet/instances", id!, "members/a/data");
    const { pid } = (await findPostmaster(data))!;
    process.kill(pid, "SIGSTOP");
    const automatic = async (url: string) =>
      (await look(url)).operations.nodes.filter(
        ({ requestedBy }: { requestedBy: { name?: string } }) => requestedBy.name === "failover",
      );
    await eventually(async () => (await automatic(before.url))[0]?.status === "RUNNING", PATIENCE_MS);
    first.kill("SIGKILL");
    await first.ended();

    const second = start();
    const { url } = await second.ready();
    const operation = await eventually(async () => {
      const [newest] = await automatic(url);
      return ["SUCCEEDED", "FAILED"].includes(newest.status) && newest;
    }, PATIENCE_MS);
    expect(operation.parameters).toMatchObject({ forceFailover: true, automatic: true });
    // Killed early, it was rolled back to a primary that is frozen or runs again.
    if (operation.status === "FAILED" && (await findPostmaster(data))?.pid === pid)
      await eventually(async () => (await automatic(url)).length === 2, 100_000);
    const { members } = await whole(url);
    const primaries = members.filter(({ role }: { role: string }) => role === "PRIMARY");
    expect(primaries).toHaveLength(1);
    if (operation.status === "SUCCEEDED") expect(primaries[0].name).toBe("orders-test-b");
    expect(await findPostmaster(data).then((now) => now?.pid)).not.toBe(pid);
    const filter = '{ eventType: { eq: "instance_failover" } }';
    const { securityEvents } = await ask(url, `{ securityEvents(filter: ${filter}) { nodes { eventStatus } } }`, token);
    expect(securityEvents.nodes.length).toBeGreaterThanOrEqual(1);

    second.kill("SIGTERM");
    expect(await second.ended()).toBe(0);
    expect(await processesIn(sandbox.path)).toEqual([]);
  },
);
