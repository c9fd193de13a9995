/** Whoever reads what Postern prints, or does not, and whoever asks it to stop, and when: it goes on, or stops, in order. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { findVersion } from "../../src/version.js";
import { PASSWORD } from "../support/app.js";
import { isDeep } from "../support/deep.js";
import { emptyDatabase, startedDatabase } from "../support/empty-database.js";
import { ask, ensureBuilt, NODE_ENVIRONMENT, PATIENCE_MS, signIn, startPostern } from "../support/postern.js";
import { eventually, processesIn, useSandbox } from "../support/sandbox.js";

const sandbox = useSandbox();
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });
beforeAll(ensureBuilt);

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Of the advisory lock that a migration holds. */
const MIGRATION_LOCK = "7239402331";

/** A port that nobody has, for a Postern whose words nobody reads. */
let nextPort = 25_460;

/** Starts Postern with streams of the test's choosing. @returns the process, its URL, and how it ends */
async function start(stdio: [number | "pipe", number | "pipe"]) {
  const { environment, sql } = await startedDatabase();
  const port = nextPort++;
  const child: ChildProcess = spawn("/bin/sh", ["-c", `exec "$0" dist/main.js "$1"`, process.execPath, sandbox.path], {
    cwd: ROOT,
    stdio: ["ignore", ...stdio],
    env: {
      ...NODE_ENVIRONMENT,
      ...{ HOST: "127.0.0.1", PORT: String(port), LOG_LEVEL: "trace" },
      ...{ DEMO: "true", DEMO_PASSWORD: PASSWORD, ADMIN_PASSWORD: PASSWORD },
      ...environment,
    },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const url = `http://127.0.0.1:${port}`;
  const ended = once(child, "exit").then(([code, signal]) => code ?? signal);
  const isReady = () =>
    fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  return { child, url, sql, ended, isReady };
}

/** So much is logged that no pipe holds it. */
async function chatter(url: string): Promise<void> {
  const token = await signIn(url, "viewer@demo.example", PASSWORD);
  for (let round = 0; round < 15; round++) {
    const documents = Array.from({ length: 20 }, (_, n) => `{ a${round}_${n}: scans(first: 1) { totalCount } }`);
    await Promise.all(documents.map((document) => ask(url, document, token)));
  }
}

describe("goes on, and stops with 0, where standard output and error", () => {
  test("are pipes that nobody reads", async () => {
    const { child, url, ended, isReady } = await start(["pipe", "pipe"]);
    child.stdout?.pause();
    child.stderr?.pause();
    await eventually(isReady, PATIENCE_MS);
    await chatter(url);
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
  });

  test.runIf(isDeep)("are pipes that were closed", async () => {
    const { child, url, ended, isReady } = await start(["pipe", "pipe"]);
    child.stdout?.destroy();
    child.stderr?.destroy();
    await eventually(isReady, PATIENCE_MS);
    await chatter(url);
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
  });

  test.runIf(isDeep)("are a disk that is full", async () => {
    const full = openSync("/dev/full", "w");
    const { child, url, ended, isReady } = await start([full, full]);
    closeSync(full);
    await eventually(isReady, PATIENCE_MS);
    await chatter(url);
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
  });
});

test("lines that were dropped are counted once somebody reads again", async () => {
  const { child, url, ended, isReady } = await start(["pipe", "pipe"]);
  await eventually(isReady, PATIENCE_MS);
  child.stdout?.resume();
  // Nobody reads until more has come than is kept.
  const token = await signIn(url, "viewer@demo.example", PASSWORD);
  for (let round = 0; round < 15; round++) {
    const lines = Array.from({ length: 20 }, (_, n) => ask(url, `{ b${round}_${n}: viewer { role } nothing }`, token));
    await Promise.allSettled(lines);
  }
  let text = "";
  child.stderr?.on("data", (chunk) => (text += chunk));
  child.kill("SIGTERM");
  expect(await ended).toBe(0);
  expect(
    text
      .split("\n")
      .filter(Boolean)
      .every((line) => JSON.parse(line)),
  ).toBe(true);
});

test("SIGHUP stops it in order, and what was logged before is written", async () => {
  const { child, url, ended, isReady } = await start(["pipe", "pipe"]);
  let text = "";
  child.stdout?.resume();
  child.stderr?.on("data", (chunk) => (text += chunk));
  const closed = once(child.stderr!, "close");
  await eventually(isReady, PATIENCE_MS);
  await ask(url, "query Last { __typename }");
  child.kill("SIGHUP");
  expect(await ended).toBe(0);
  await closed;
  const lines = text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines[0]).toEqual({
    level: "info",
    time: expect.any(String),
    ...(await findVersion(undefined)),
    node: process.version,
    ...{
      host: "127.0.0.1",
      port: Number(new URL(url).port),
      database: "given",
      poolSize: 10,
      localInstances: 0,
      awsAccounts: 0,
    },
    ...{
      introspection: true,
      landingPage: "explorer",
      trustedDocuments: false,
      demo: true,
      demoAws: false,
      backupCatchUp: true,
    },
    corsOrigins: [String.raw`/^http:\/\/localhost(:\d{1,5})?$/`],
    ...{ trustedProxies: 0, cloudops: false, ownSigningKey: false, logLevel: "trace", cacheMib: 128 },
    ...{ statementTimeoutMs: 10_000, slowStatementMs: 500, shutdownGraceMs: 0 },
    msg: "Postern starts",
  });
  expect(lines.filter(({ msg }) => msg === "Postern listens")).toEqual([expect.objectContaining({ url })]);
  expect(lines.filter(({ operation }) => operation === "Last")).toEqual([
    expect.objectContaining({ msg: "request", status: 200, code: null }),
  ]);
  expect(text).not.toContain(PASSWORD);
});

test("a start that waits for another's migration says so, and heeds a signal at once", async () => {
  const { environment, sql } = await emptyDatabase();
  const holder = await sql.reserve();
  await holder.unsafe(`select pg_advisory_lock(${MIGRATION_LOCK})`);
  const waiting = startPostern(sandbox.path, { ...environment, ADMIN_PASSWORD: PASSWORD });
  await waiting.printed(/(Waiting for another Postern, which is migrating the database\.)/);
  waiting.kill("SIGTERM");
  expect(await waiting.ended()).toBe(0);
  const other = startPostern(sandbox.path, { ...environment, ADMIN_PASSWORD: PASSWORD });
  await other.printed(/(Waiting for another)/);
  await holder.unsafe(`select pg_advisory_unlock(${MIGRATION_LOCK})`);
  holder.release();
  await other.ready();
  other.kill("SIGTERM");
  expect(await other.ended()).toBe(0);
  expect(await processesIn(sandbox.path)).toEqual([]);
});
