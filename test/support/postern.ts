/** Real Postern processes for tests to start, signal and kill, each the leader of a process group of its own. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { RAISED_LIMITS } from "./rate-limits.js";
import { eventually } from "./sandbox.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Other work may keep the machine busy: only what hangs is to meet this. */
export const PATIENCE_MS = 40_000;

/** Of each Node that tests start: what one has compiled, the next need not, and its heap is as `npm start` has it. */
export const NODE_ENVIRONMENT = {
  PATH: process.env.PATH,
  NODE_COMPILE_CACHE: join(tmpdir(), "compiled"),
  NODE_OPTIONS: `--max-semi-space-size=16 --import=${new URL("quick-loading.mjs", import.meta.url)}`,
};

/** Builds, unless what is built is newer than all sources. The bundle of the explorer knows by itself whether it is. */
export function ensureBuilt(): void {
  const modified = (path: string) => statSync(join(ROOT, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" });
  const run = (...args: string[]) => execFileSync(process.execPath, args, { cwd: ROOT });
  if (!sources.every((path) => modified(`src/${path}`) <= modified("dist/main.js"))) {
    run("node_modules/typescript/bin/tsc", "-p", "tsconfig.json");
  }
  run("dist/explorer/bundle.js");
}

/** `LOCAL_INSTANCES` of one instance, which is in the test environment. */
export const oneInstance = (standby: boolean, facts: Record<string, unknown> = {}) =>
  JSON.stringify([
    {
      ...facts,
      identifier: "orders-test",
      tags: { Environment: "Test" },
      maintenanceWindow: "sun:05:00-sun:06:00",
      backupWindow: "02:00-02:30",
      standby,
    },
  ]);

export type Running = ReturnType<typeof startPostern>;

/** @param mark a folder, which stands on the command line, so that whoever looks for leftovers finds this process by it */
export const startPostern = (mark: string, environment: Record<string, string>) =>
  startNode(ROOT, ["dist/main.js", mark], { DATA_DIR: mark, ...environment });

/** Starts a program that is, or starts, a Postern. */
export function startNode(
  cwd: string,
  args: readonly string[],
  environment: Record<string, string>,
  node = process.execPath,
) {
  const since = Date.now();
  const child = spawn(node, args, {
    cwd,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...NODE_ENVIRONMENT,
      HOST: "127.0.0.1",
      PORT: "0",
      LOG_LEVEL: "error",
      RATE_LIMITS: RAISED_LIMITS,
      ...environment,
    },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const closed = once(child, "close");
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const printed = (pattern: RegExp) =>
    eventually(() => {
      if (hasEnded()) throw new Error(`It ended with ${child.exitCode ?? child.signalCode}: ${output}`);
      return pattern.exec(output)?.[1] ?? false;
    }, PATIENCE_MS);

  return {
    pid: child.pid!,
    output: () => output,
    /** Resolves with what the pattern's group matches as soon as it is printed. */
    printed,
    /** Resolves with the URL and with how long it took. */
    async ready() {
      const url = await printed(/listens on (http:\S+)\/graphql.*Ctrl-C stops it/s);
      return { url, tookMs: Date.now() - since };
    },
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    /** To all, as a terminal does. */
    killGroup: (signal: NodeJS.Signals) => hasEnded() || process.kill(-child.pid!, signal),
    hasEnded,
    /** Resolves when it has ended, with its exit code or the signal that killed it. */
    async ended(): Promise<number | NodeJS.Signals> {
      const [code, signal] = await closed;
      return code ?? signal;
    },
  };
}

/** Sends one document to a Postern. */
// biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not computed with
export async function ask(url: string, query: string, token?: string): Promise<any> {
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query }),
  });
  const { data, errors } = (await response.json()) as { data: unknown; errors?: { message: string }[] };
  if (errors) throw new Error(errors[0]!.message);
  return data;
}

/** @returns an access token */
export async function signIn(url: string, email: string, password: string): Promise<string> {
  const input = `{ email: ${JSON.stringify(email)}, password: ${JSON.stringify(password)} }`;
  return (await ask(url, `mutation { signIn(input: ${input}) { accessToken } }`)).signIn.accessToken;
}
