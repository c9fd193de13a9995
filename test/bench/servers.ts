/** The servers that are compared, each started as a process of its own, in production mode and with a pool of ten. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeSecretsKey } from "../../src/values/secrets-key.js";
import { RAISED_LIMITS } from "../support/rate-limits.js";
import { ADMINISTRATOR, COLLEAGUES } from "./databases.js";
import type { ServerName } from "./workloads.js";

/** Of all that run on one database. */
export const SECRETS_KEY = makeSecretsKey();

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export const LABELS: Readonly<Record<ServerName, string>> = {
  floor: "floor: node:http and one statement",
  postern: "Postern",
  postgraphile: "PostGraphile 5, Amber",
  mercurius: "Mercurius 16, JIT, loaders",
  floorEach: "floor, a client for each connection",
  mercuriusEach: "Mercurius, a client for each connection",
  ideal: "ideal: Postern's statements, no doors",
  before: "Postern, the commit before",
};

const POOL = "10";
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;
/** Well within the life of an access token. */
const SIGNED_IN_FOR_MS = 8 * 60_000;

/** What a server is started with. */
export interface StartOptions {
  readonly databaseUrl: string;
  /** For its log. */
  readonly folder: string;
  /** Of the checkout whose Postern is started; by default this one. */
  readonly root?: string | undefined;
  /** For Node itself. */
  readonly nodeOptions?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Whether it has doors: only then it is signed in to. */
const isPostern = (name: ServerName) => name === "postern" || name === "before";

/** Where the server `ideal` finds what it runs. */
export const idealStatements = (folder: string) => join(folder, "ideal.json");

/** What still runs, to be stopped whatever happens. */
const running = new Set<Server>();

export const stopServers = async (): Promise<void> => {
  await Promise.all([...running].map((server) => server.stop()));
};

export class Server {
  #signedIn = { tokens: [] as readonly string[], sinceMs: 0 };

  private constructor(
    readonly name: ServerName,
    readonly url: string,
    private readonly child: ChildProcess,
  ) {}

  get pid(): number {
    return this.child.pid!;
  }

  static async start(
    name: ServerName,
    { databaseUrl, folder, root = ROOT, nodeOptions = [], environment = {} }: StartOptions,
  ): Promise<Server> {
    // As `npm start` and the image run it.
    const file = name.replace("Each", "");
    const program = isPostern(name)
      ? ["--max-semi-space-size=16", "dist/main.js"]
      : [join("test/bench/servers", `${file}.mjs`)];
    const log = openSync(join(folder, `${name}.log`), "w");
    const child = spawn(process.execPath, [...nodeOptions, ...program], {
      cwd: root,
      stdio: ["ignore", "pipe", log],
      env: {
        PATH: process.env.PATH,
        NODE_ENV: "production",
        SECRETS_KEY,
        DATABASE_URL: databaseUrl,
        HOST: "127.0.0.1",
        PORT: "0",
        DATABASE_POOL_SIZE: POOL,
        ADMIN_EMAIL: ADMINISTRATOR.email,
        ADMIN_PASSWORD: ADMINISTRATOR.password,
        CONNECTIONS: name.endsWith("Each") || name === "ideal" ? "each" : "pool",
        // On, and out of the way.
        RATE_LIMITS: RAISED_LIMITS,
        IDEAL_STATEMENTS: idealStatements(folder),
        ...environment,
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

  /** What every request carries: for Postern an access token of an administrator, which is renewed before it ends. */
  async headers(): Promise<Record<string, string>> {
    return (await this.headersOfUsers())[0];
  }

  /** The same for each user of a load: few would leave connections of Postern's to those who might come. */
  async headersOfUsers(): Promise<[Record<string, string>, ...Record<string, string>[]]> {
    const json = { "content-type": "application/json", accept: "application/json" };
    if (!isPostern(this.name)) return [json];
    if (Date.now() - this.#signedIn.sinceMs > SIGNED_IN_FOR_MS) {
      const tokens = [await signIn(this.url, ADMINISTRATOR)];
      for (const colleague of COLLEAGUES) {
        await createUser(this.url, tokens[0]!, { ...colleague, role: "ADMIN" });
        tokens.push(await signIn(this.url, colleague));
      }
      this.#signedIn = { tokens, sinceMs: Date.now() };
    }
    const [first, ...others] = this.#signedIn.tokens.map((token) => ({ ...json, authorization: `Bearer ${token}` }));
    return [first!, ...others];
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

/** Creates a user of Postern, where it is not there from a run before. */
export async function createUser(url: string, token: string, input: Readonly<Record<string, string | null>>) {
  const query = "mutation($input: CreateUserInput!) { createUser(input: $input) { user { id } } }";
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify({ query, variables: { input } }) });
  const text = await response.text();
  if (!response.ok && response.status !== 409) throw new Error(`createUser answers ${text}`);
}

/** @returns an access token of Postern */
export async function signIn(url: string, { email, password }: typeof ADMINISTRATOR): Promise<string> {
  const query = "mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }";
  const body = JSON.stringify({ query, variables: { input: { email, password } } });
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  const answer = (await response.json()) as { data?: { signIn?: { accessToken: string } } };
  const token = answer.data?.signIn?.accessToken;
  if (!token) throw new Error(`signing in to Postern answers ${JSON.stringify(answer)}`);
  return token;
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
