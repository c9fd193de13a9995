/** Readiness says what the last look at the database has shown: busy once, down after two failed looks, up again by itself. */
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { type Client, createClient } from "../../src/db/client.js";
import { createReadiness } from "../../src/http/readiness.js";
import { openProxy } from "../support/proxy.js";
import { eventually } from "../support/sandbox.js";

let proxy: Awaited<ReturnType<typeof openProxy>>;
let client: Client;
beforeAll(async () => {
  proxy = await openProxy();
  client = createClient({
    connection: { ...proxy.connection, database: "postern" },
    poolSize: 1,
    statementTimeoutMs: 500,
  });
});
afterAll(async () => {
  await client.close();
  proxy.close();
});

it("tells up, busy, down and up again", async () => {
  const readiness = createReadiness({ isWritable: client.isWritable, pooler: client.pooler });
  onTestFinished(() => readiness.stop());
  await readiness.start();
  expect(readiness.report()).toEqual({ status: "ready", database: "up" });
  const seen: string[] = [];
  const until = (state: string) =>
    eventually(() => {
      const { status, database } = readiness.report();
      if (seen.at(-1) !== `${status} ${database}`) seen.push(`${status} ${database}`);
      return database === state;
    }, 20_000);
  proxy.state.isFrozen = true;
  await until("down");
  expect(seen).toEqual(["ready up", "ready busy", "not ready down"]);
  proxy.state.isFrozen = false;
  await until("up");
  readiness.stop();
  expect(readiness.report()).toEqual({ status: "stopping", database: "up" });
});

it("tells a database that takes no changes, and a pooler before it", async () => {
  const readiness = createReadiness({ isWritable: async () => false, pooler: () => ({ carriesPrepared: false }) });
  onTestFinished(() => readiness.stop());
  await readiness.start();
  expect(readiness.report()).toEqual({
    status: "not ready",
    database: "read-only",
    pooler: { preparedStatements: false },
  });
});
