/** Background work holds up no stop. */
import { expect, it, onTestFinished } from "vitest";
import { createJobs } from "../../src/jobs/jobs.js";
import { createLog } from "../../src/log.js";
import { testApp } from "../support/app.js";
import { openProxy } from "../support/proxy.js";

const app = testApp();

it("a stop ends while the database is silent", async () => {
  const proxy = await openProxy();
  onTestFinished(() => proxy.close());
  const [row] = await app.sql`select current_database() as database`;
  const connection = { ...proxy.connection, database: row?.database };
  const jobs = createJobs({ connection, log: createLog("silent"), timings: { jobsSeconds: 2, jobsStopMs: 500 } });
  await jobs.start();
  await jobs.work("silence", () => undefined);
  proxy.state.isFrozen = true;
  const begunMs = performance.now();
  await jobs.stop();
  expect(performance.now() - begunMs).toBeLessThan(3500);
});
