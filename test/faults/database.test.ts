/** PostgreSQL is frozen, ended or away while clients write: they are told in time, and nothing is lost, doubled or half done. */
import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, expect, test, vi } from "vitest";
import { cases, isDeep } from "../support/deep.js";
import { ensureBuilt, PATIENCE_MS } from "../support/postern.js";
import { eventually, useSandbox } from "../support/sandbox.js";
import { backends, endBackends, STATEMENT_TIMEOUT_MS, underLoad, whileStopped } from "./load.js";

/** How long the database is away. */
const AWAY_MS = 60_000;
/** What waits has met its time-out by then, and what was sent again too. */
const FROZEN_MS = 2 * STATEMENT_TIMEOUT_MS;

const sandbox = useSandbox();
vi.setConfig({ testTimeout: 4 * PATIENCE_MS + AWAY_MS, hookTimeout: 60_000 });
beforeAll(ensureBuilt);

const readiness = async (url: string) => (await fetch(`${url}/health/ready`)).status;

test.runIf(isDeep)("one backend is stopped: the others serve on", () =>
  underLoad(sandbox, "one_frozen", async (under) => {
    const [busiest = 0] = await backends(under);
    await whileStopped([busiest], async () => {
      const untilOver = delay(FROZEN_MS);
      await under.acknowledged(20);
      await untilOver;
    });
  }),
);

test.runIf(isDeep)("all backends are stopped: new ones are opened", () =>
  underLoad(sandbox, "all_frozen", async (under) => {
    await whileStopped(await backends(under), async () => {
      const untilOver = delay(FROZEN_MS);
      await under.acknowledged(1);
      await untilOver;
    });
  }),
);

test.runIf(isDeep)("the postmaster is stopped: open connections serve on, and no others come", () =>
  underLoad(sandbox, "postmaster_frozen", async (under) => {
    await whileStopped([under.running.pid], async () => {
      await under.acknowledged(20);
      await endBackends(under);
      await delay(FROZEN_MS);
    });
  }),
);

test.runIf(isDeep)("everything is stopped: everybody is told in time", () =>
  underLoad(sandbox, "everything_frozen", async (under) => {
    await whileStopped([under.running.pid, ...(await backends(under))], async () => {
      await delay(FROZEN_MS);
      await eventually(async () => (await readiness(under.url)) === 503, PATIENCE_MS);
    });
  }),
);

test.runIf(isDeep)("immediate shutdown and restart", () =>
  underLoad(sandbox, "immediate", async (under) => {
    for (let round = 0; round < cases(1, 5); round++) {
      process.kill(under.running.pid, "SIGQUIT");
      await under.failed(1, "UNAVAILABLE");
      under.running = await under.cluster.start();
      await under.acknowledged(20);
    }
  }),
);

test.runIf(isDeep)(`away for ${AWAY_MS / 1000} s`, () =>
  underLoad(sandbox, "away", async (under) => {
    await under.cluster.stop();
    const untilOver = delay(AWAY_MS);
    await eventually(async () => (await readiness(under.url)) === 503, PATIENCE_MS);
    await under.failed(5, "UNAVAILABLE");
    await untilOver;
    expect(under.postern.hasEnded()).toBe(false);
    under.running = await under.cluster.start();
    await eventually(async () => (await readiness(under.url)) === 200, PATIENCE_MS);
  }),
);
