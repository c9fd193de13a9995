/**
 * Pastes every command of the README files that a newcomer meets into a shell, in a fresh clone of the last commit: as root, below a home
 * that nobody else enters, and as `nobody`; in a path with a space and with LANG=C. It checks that each answers what is promised.
 *
 *   npm run test:readme              without `npm ci && npm test`, which takes minutes
 *   npm run test:readme -- --all
 *   npm run test:readme -- --as nobody
 *
 * Passwords and tokens replace the words PASTE-..., and a free port replaces 4000. What cannot run here is left out, aloud.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, lchownSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { homedir, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ROOT_DATA_FOLDER } from "../../src/postgres/folder.js";
import { signalProcess } from "../../src/postgres/processes.js";
import { eventually, processesIn } from "../support/sandbox.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const { values: options } = parseArgs({ options: { all: { type: "boolean" }, as: { type: "string" } } });
const INSTALL_MS = 600_000;
const START_MS = 180_000;
const STOP_MS = 60_000;
/** Not where a package put them first for this script: what the visitor has. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const lines: string[] = [];
function tell(line: string): void {
  lines.push(line);
  process.stdout.write(`${line}\n`);
}

/** What is to be done before this script ends, also by a signal. */
const cleanUps = new Set<() => Promise<void>>();

interface Visitor {
  readonly name: string;
  /** Undefined for the user who runs this script. */
  readonly ids: { readonly uid: number; readonly gid: number } | undefined;
  /** The folder where the clone goes, below one that is there. */
  readonly above: string;
}

function visitors(): Visitor[] {
  const self = userInfo();
  if (self.uid !== 0) {
    tell("LEFT OUT: as root, because an ordinary user runs this");
    return [{ name: self.username, ids: undefined, above: tmpdir() }];
  }
  const root = { name: "root", ids: undefined, above: homedir() };
  try {
    const idOf = (flag: string) => Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8" }));
    return [root, { name: "nobody", ids: { uid: idOf("-u"), gid: idOf("-g") }, above: "/tmp" }];
  } catch {
    tell("LEFT OUT: as an ordinary user, because there is no user nobody");
    return [root];
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

/** @returns the commands of a README, block by block */
const blocksOf = (path: string): string[] =>
  [...readFileSync(join(ROOT, path), "utf8").matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block!);

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not computed with
type Answer = { readonly data?: any; readonly errors?: any };

function require(holds: unknown, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

async function visit({ name, ids, above }: Visitor): Promise<void> {
  const folder = mkdtempSync(join(above, "postern readme "));
  const clone = join(folder, "a clone");
  const port = await freePort();
  const running = new Set<ChildProcess>();
  /** All that this visit makes. */
  const folders = new Set([folder]);

  function shell(commands: string, environment: Record<string, string> = {}) {
    const child = spawn("bash", ["-c", commands.replaceAll("127.0.0.1:4000", `127.0.0.1:${port}`)], {
      cwd: clone,
      ...ids,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH, LANG: "C", HOME: ids ? folder : homedir(), PORT: String(port), ...environment },
    });
    running.add(child);
    let [output, faults] = ["", ""];
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (faults += chunk));
    const ended = once(child, "close").then(([code]) => {
      running.delete(child);
      return code as number | null;
    });
    return { child, ended, output: () => output, faults: () => faults };
  }

  /** Pastes commands and waits for their end. @returns what they print */
  async function paste(commands: string, environment?: Record<string, string>, withinMs = START_MS): Promise<string> {
    const pasted = shell(commands, environment);
    const code = await Promise.race([pasted.ended, delay(withinMs, "late" as const, { ref: false })]);
    require(code === 0, `it ended with ${code}: ${(pasted.faults() || pasted.output()).slice(-1500)}`);
    return pasted.output();
  }

  /** Pastes commands that curl answers to. Answers come one after the other, each JSON without a line break. */
  async function ask(commands: string, environment?: Record<string, string>): Promise<Answer[]> {
    const output = await paste(commands, environment);
    return output.split(/(?<=\})\s*(?=\{"(?:data|errors))/).map((text) => JSON.parse(text));
  }

  /** Starts what listens, and waits until it says so. @returns what it printed, and how to end it as Ctrl-C does */
  async function start(commands: string) {
    const started = shell(commands);
    let hasEnded = false;
    void started.ended.then(() => (hasEnded = true));
    await eventually(() => {
      require(!hasEnded, `it ended: ${(started.faults() + started.output()).slice(-1500)}`);
      return started.output().includes("Ctrl-C stops it");
    }, INSTALL_MS);
    return {
      output: started.output(),
      async end() {
        process.kill(-started.child.pid!, "SIGINT");
        const code = await Promise.race([started.ended, delay(STOP_MS, "late" as const, { ref: false })]);
        require(code === 0, `Ctrl-C ended it with ${code}: ${started.faults().slice(-1500)}`);
        const left = (await Promise.all([...folders].map(processesIn))).flat();
        require(left.length === 0, `Ctrl-C left the processes ${left.join(", ")}`);
      },
    };
  }

  const cleanUp = async () => {
    for (const child of running) if (child.pid) signalProcess(-child.pid, "SIGINT");
    const left = async () => (await Promise.all([...folders].map(processesIn))).flat();
    await eventually(async () => (await left()).length === 0, STOP_MS).catch(async () => {
      for (const pid of await left()) signalProcess(pid, "SIGKILL");
    });
    for (const path of folders) rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  cleanUps.add(cleanUp);

  async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      tell(`ok: ${name}: ${what}`);
      return result;
    } catch (error) {
      tell(`FAILED: ${name}: ${what}: ${(error as Error).message}`);
      throw error;
    }
  }
  const leaveOut = (what: string, why: string) => tell(`LEFT OUT: ${name}: ${what}, because ${why}`);

  try {
    execFileSync("git", ["clone", "--quiet", "--no-hardlinks", ROOT, clone]);
    if (ids) execFileSync("chown", ["-R", `${ids.uid}:${ids.gid}`, folder]);
    else chmodSync(folder, 0o700);

    const front = blocksOf("README.md");
    const taken = new Set<string>();
    const block = (readme: readonly string[], part: string): string => {
      const found = readme.find((text) => text.includes(part));
      require(found !== undefined, `no README has a command with ${part} any more`);
      taken.add(found);
      return found;
    };

    const where = () => paste("npm run --silent where");
    const first = await step("npm ci && npm start", () => start(block(front, "npm ci && npm start")));
    const { output } = first;
    const password = /Demo users created: .*\n {2}password: (\S+)/.exec(output)?.[1];
    await step("the start says where the data is, and where does", async () => {
      const said = /data is in (.*)\n/.exec(output)?.[1];
      if (said?.startsWith(`${ROOT_DATA_FOLDER}/`)) folders.add(said);
      require(said === (await where()).trimEnd(), `the banner said ${said}`);
      require(existsSync(join(said, "database")), `there is no ${said}/database`);
    });
    const signIn = async (email: string) => {
      const commands = block(front, "PASTE-THE-DEMO-PASSWORD")
        .replace("PASTE-THE-DEMO-PASSWORD", password!)
        .replace("admin@demo.example", email);
      // Beside the start of a fleet a small machine may say that it is to be tried again.
      const answer = await eventually(async () => {
        const [first] = await ask(commands);
        return first?.errors?.[0].extensions.code !== "UNAVAILABLE" && first;
      }, START_MS);
      require(answer?.data?.signIn, JSON.stringify(answer));
      return answer.data.signIn.accessToken as string;
    };
    const token = await step("sign in", () => signIn("admin@demo.example"));
    await step("the first query", async () => {
      const commands = block(front, "scans(first: 3)").replace("PASTE-THE-ACCESS-TOKEN", token);
      const [{ data } = {} as Answer] = await ask(commands);
      require(data.viewer.role === "ADMIN" && data.scans.totalCount === 60, JSON.stringify(data).slice(0, 500));
      require(data.scans.nodes.length === 3 && data.securityEvents.nodes.length > 0, JSON.stringify(data).slice(
        0,
        500,
      ));
    });
    await step("the first mutation, with its record", async () => {
      const [made, seen] = await ask(block(front, "createScan"), { TOKEN: token });
      const [record] = seen!.data.auditLogs.nodes;
      const { scan } = made!.data.createScan;
      require(record.success && record.resourceId === scan.id, JSON.stringify([made, seen]));
    });
    const dba = await step("sign in, as DBA", () => signIn("dba@demo.example"));
    await step("the fleet, and the first operation", async () => {
      const commands = block(front, "ACCESS-TOKEN-OF-THE-DBA").replace("PASTE-THE-ACCESS-TOKEN-OF-THE-DBA", dba);
      const [fleet, operation] = await ask(commands);
      require(fleet!.data.instances.nodes.length === 3, JSON.stringify(fleet));
      require(operation!.data.createSnapshot.operation.status === "SUCCEEDED", JSON.stringify(operation));
    });
    const mutate = async (mutation: string) => {
      const query = `mutation { ${mutation} { operation { status error { code message } } } }`;
      const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${dba}` },
        body: JSON.stringify({ query }),
      });
      return (await response.json()) as Answer;
    };
    await step("a reboot with failover, which production refuses", async () => {
      const reboot = /`(rebootInstance\([^`]*\))`/.exec(readFileSync(join(ROOT, "README.md"), "utf8"))?.[1];
      require(reboot, "README.md tells of no reboot any more");
      const done = await mutate(reboot);
      require(done.data?.rebootInstance.operation.status === "SUCCEEDED", JSON.stringify(done));
      const refused = await mutate(reboot.replace("test-postgres-01", "prod-postgres-01"));
      require(refused.errors?.[0].extensions.code === "PRODUCTION_PROTECTED", JSON.stringify(refused));
    });

    const hasClient = existsSync("/usr/bin/psql");
    const clientBlocks = blocksOf("schema/README.md");
    const forClients = block(clientBlocks, "superuser.password");
    if (hasClient) await step("schema/README.md: a SQL client", () => paste(`${forClients.trimEnd()} -c 'select 1'`));
    else leaveOut("schema/README.md: a SQL client", "there is no psql");

    const ofClusters = blocksOf("src/providers/local/README.md");
    const groups = block(ofClusters, "LOCAL_PARAMETER_GROUPS=");
    const restore = ofClusters.filter((text) => text !== groups);
    const bin = "/usr/lib/postgresql/15/bin";
    if (hasClient && existsSync(bin))
      await step("src/providers/local/README.md: restore by hand", async () => {
        const made = await mutate(
          'createSnapshot(input: { instanceId: "dev-postgres-01", snapshotId: "before-the-move", waitSeconds: 60 })',
        );
        require(made.data?.createSnapshot.operation.status === "SUCCEEDED", JSON.stringify(made));
        // The database's user must be able to enter the folder above the target.
        const place = mkdtempSync(join(tmpdir(), "postern readme "));
        folders.add(place);
        const user = ids ?? { uid: Number(execFileSync("id", ["-u", "postgres"])), gid: 0 };
        lchownSync(place, user.uid, user.gid);
        const commands = restore
          .map((text) => block(restore, text))
          .join("")
          .replace("TARGET=/var/lib/restored", `TARGET='${place}/restored'`)
          .replace("PORT=6543", `PORT=${await freePort()}`)
          .replace(/^AS=.*$/m, (line) => (process.getuid?.() === 0 && !ids ? line : "AS="));
        const printed = await paste(`set -e\n${commands}`);
        require(/\n app\n/.test(printed), printed);
      });
    else leaveOut("src/providers/local/README.md: restore by hand", "there is no PostgreSQL 15 with psql here");
    await step("Ctrl-C leaves nothing running", first.end);

    const second = await step("a cluster of one's own", () => start(block(front, "LOCAL_INSTANCES=")));
    await step("its password", async () => {
      const commands = block(front, "application.password");
      await eventually(async () => (await shell(commands).ended) === 0, START_MS);
      require(/^\S{16,}\s*$/.test(await paste(commands)), "it printed no password");
    });
    await step("Ctrl-C, again", second.end);
    const grouped = await step("src/providers/local/README.md: a parameter group", () => start(groups));
    await step("Ctrl-C, of the parameter group", grouped.end);
    const third = await step("npm run dev", () => start("npm run dev"));
    await step("Ctrl-C, of npm run dev", third.end);

    const tests = block(front, "npm ci && npm test");
    if (options.all) await step("npm ci && npm test", () => paste(tests, {}, 3 * INSTALL_MS));
    else leaveOut("npm ci && npm test", "it takes minutes: npm run test:readme -- --all");
    await step("no command of README.md was left alone", async () => {
      const alone = front.filter((text) => !taken.has(text));
      require(alone.length === 0, `nothing here pastes: ${alone.join("\n")}`);
    });
  } finally {
    await cleanUp();
    cleanUps.delete(cleanUp);
  }
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, async () => {
    for (const cleanUp of cleanUps) await cleanUp();
    process.exit(130);
  });
}

const all = visitors();
const chosen = all.filter(({ name }) => options.as === undefined || options.as === name);
let hasFailed = chosen.length === 0;
if (hasFailed) tell(`FAILED: nobody here visits as ${options.as}: only ${all.map(({ name }) => name).join(" and ")}`);
for (const visitor of chosen)
  await visit(visitor).catch(() => {
    hasFailed = true;
  });
process.stdout.write(`\n${lines.filter((line) => !line.startsWith("ok")).join("\n")}\n`);
process.stdout.write(hasFailed ? "FAILED\n" : "Everything answers what the README files promise.\n");
process.exit(hasFailed ? 1 : 0);
