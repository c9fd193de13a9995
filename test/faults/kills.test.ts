/** kill -9 of Postern at any moment, also of its start: what was acknowledged is there, once, with its record. */
import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, expect, test, vi } from "vitest";
import { cases, isDeep } from "../support/deep.js";
import { withOwnCluster } from "../support/own-cluster.js";
import { ensureBuilt, PATIENCE_MS, type Running } from "../support/postern.js";
import { stateOf } from "../support/refusals.js";
import { eventually, useSandbox } from "../support/sandbox.js";
import { startWriting } from "./writers.js";

const ROUNDS = cases(2, 100);
const sandbox = useSandbox();
vi.setConfig({ testTimeout: PATIENCE_MS * (3 + ROUNDS), hookTimeout: 60_000 });
beforeAll(ensureBuilt);

/** About as long as a start takes on a quiet machine. */
const START_MS = 1500;

test.runIf(isDeep)(`${ROUNDS} kills under load`, () =>
  withOwnCluster(sandbox, "kills", async ({ sql, start }) => {
    let url: string | undefined;
    let postern: Running = start();
    ({ url } = await postern.ready());
    const { ledger, acknowledged, stop } = await startWriting({
      ...{ url: () => url, signInAt: url, mark: "kill", patienceMs: PATIENCE_MS },
    });
    for (let round = 0; round < ROUNDS; round++) {
      await acknowledged(1 + Math.floor(Math.random() * 60));
      url = undefined;
      postern.kill("SIGKILL");
      expect(await postern.ended()).toBe("SIGKILL");
      if (round % 3 === 1) {
        const cutShort = start();
        await delay(Math.random() * START_MS);
        cutShort.kill("SIGKILL");
        await cutShort.ended();
      }
      postern = start();
      ({ url } = await postern.ready());
    }
    await acknowledged(30);
    await stop();
    await eventually(async () => (await stateOf(url as string)).waiting === 0, PATIENCE_MS);
    ledger.tell();
    expect(await ledger.disagreements(sql)).toEqual([]);
    expect(ledger.lost().length).toBeGreaterThan(0);
    postern.kill("SIGTERM");
    expect(await postern.ended()).toBe(0);
  }),
);
