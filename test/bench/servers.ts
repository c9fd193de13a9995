/** The servers that are compared, each started as a process of its own, in production mode and with a pool of ten. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ADMINISTRATOR } from "./databases.js";
import type { ServerName } from "./workloads.js";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export const LABELS: Readonly<Record<ServerName, string>> = {
  floor: "floor: node:http and one statement",
  postern: "Postern",
  postgraphile: "PostGraphile 5, Amber",
  mercurius: "Mercurius 16, JIT, loaders",
  floorEach: "floor, a client for each connection",
  mercuriusEach: "Mercurius, a client for each connection",
};

const POOL = "10";
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;
/** Well within the life of an access token. */
const SIGNED_IN_FOR_MS = 8 * 60_000;

/** What still runs, to be stopped whatever happens. */
const running = new Set<Server>();

export const stopServers = async (): Promise<void> => {
  await Promise.all([...running].map((server) => server.stop()));
};

export class Server {
  #token = { text: "", sinceMs: 0 };

  private constructor(
    readonly name: ServerName,
    readonly url: string,
    private readonly child: ChildProcess,
  ) {}

  get pid(): number {
    return this.child.pid!;
  }

  /** @param nodeOptions for Node itself */
  static async start(
    name: ServerName,
    databaseUrl: string,
    folder: string,
    nodeOptions: readonly string[] = [],
  ): Promise<Server> {
    // As `npm start` and the image run it.
    const file = name.replace("Each", "");
    const program =
      name === "postern" ? ["--max-semi-space-size=16", "dist/main.js"] : [join("test/bench/servers", `${file}.mjs`)];
    const log = openSync(join(folder, `${name}.log`), "w");
    const child = spawn(process.execPath, [...nodeOptions, ...program], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", log],
      env: {
        PATH: process.env.PATH,
        NODE_ENV: "production",
        DATABASE_URL: databaseUrl,
        HOST: "127.0.0.1",
        PORT: "0",
        DATABASE_POOL_SIZE: POOL,
        ADMIN_EMAIL: ADMINISTRATOR.email,
        ADMIN_PASSWORD: ADMINISTRATOR.password,
        CONNECTIONS: name.endsWith("Each") ? "each" : "pool",
      },
    });
    // Known before it listens, so that it is stopped even then.
    const starting = new Server(name, "", child);
    running.add(starting);
    const url = await listening(child).catch((error: Error) => {
      throw new Error(`${name} did not start (see ${join(folder, `${name}.log`)}): ${error.message}`);
    });
    running.delete(starting);
    const server = new Server(name, url, child);
    running.add(server);
    return server;
  }

  /** What every request carries: for Postern an access token, which is renewed before it ends. */
  async headers(): Promise<Record<string, string>> {
    const json = { "content-type": "application/json", accept: "application/json" };
    if (this.name !== "postern") return json;
    if (Date.now() - this.#token.sinceMs > SIGNED_IN_FOR_MS) {
      const query = "mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }";
      const body = JSON.stringify({ query, variables: { input: ADMINISTRATOR } });
      const response = await fetch(this.url, { method: "POST", headers: json, body });
      const answer = (await response.json()) as { data?: { signIn?: { accessToken: string } } };
      const text = answer.data?.signIn?.accessToken;
      if (!text) throw new Error(`signing in to Postern answers ${JSON.stringify(answer)}`);
      this.#token = { text, sinceMs: Date.now() };
    }
    return { ...json, authorization: `Bearer ${this.#token.text}` };
  }

  /** @throws Error when the answer is not one without errors */
  async ask(body: string): Promise<Record<string, unknown>> {
    const response = await fetch(this.url, { method: "POST", headers: await this.headers(), body });
    const text = await response.text();
    const answer = response.ok ? (JSON.parse(text) as { data?: Record<string, unknown>; errors?: unknown }) : {};
    if (!answer.data || answer.errors) {
      throw new Error(`${this.name} answers ${response.status} ${text.slice(0, 600)} to ${body}`);
    }
    return answer.data;
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(late);
    }
    running.delete(this);
  }
}

/** @returns the URL that a server prints as soon as it listens */
function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    const fail = (reason: string) => reject(new Error(`${reason}. It printed: ${output}`));
    const late = setTimeout(() => fail("it does not listen"), START_TIMEOUT_MS);
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      clearTimeout(late);
      fail(`it ended with ${code ?? signal}`);
    });
    child.stdout!.on("data", (chunk) => {
      output += chunk;
      const url = /listens on (http:\S+\/graphql)/.exec(output)?.[1];
      if (!url) return;
      clearTimeout(late);
      resolve(url);
    });
  });
}
