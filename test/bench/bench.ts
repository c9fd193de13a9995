/**
 * The benchmark, `npm run bench`: what Postern costs, beside a floor that only speaks HTTP and SQL, PostGraphile and Mercurius.
 *
 * It starts a throw-away PostgreSQL with Postern's own tables and 1.6 million rows (kept in `.postern-bench` for the next run),
 * starts each server as a process of its own, requires equal answers, measures under the load of autocannon (a process of its
 * own too), prints which thresholds are met, and ends with 1 where one is missed. Postern is called with an access token of an
 * administrator; the others know no identity, no row scope and no audit log. All on loopback; Linux only.
 *
 *     npm run bench                                    everything, 20 minutes; the first time some more to load the data
 *     npm run bench -- --quick                         three minutes
 *     npm run bench -- --quick --parts cells --servers floor,postern --workloads W1,W2
 *     npm run bench -- --servers before,postern        this commit beside the one before it
 *     npm run bench -- --profile W1                    where Postern spends its time
 *     npm run bench -- --hostile                       how long another tenant waits beside hostile loads
 *     npm run bench -- --flood                         how long a reader waits beside a flood of guesses at passwords
 *     npm run bench -- --help
 *
 * Server, PostgreSQL and load share the processors: the server's processor time for 1,000 requests is the figure to trust.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, statSync } from "node:fs";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildBefore } from "./before.js";
import { measureCells } from "./cells.js";
import { BenchCluster } from "./cluster.js";
import { BENCH, ensureLoaded, LARGE } from "./databases.js";
import { countStatements, measureDocuments, measureGrowth, measureMemory } from "./figures.js";
import { measureFlood } from "./flood.js";
import { measureHostile } from "./hostile.js";
import { captureStatements } from "./ideal.js";
import type { Cell } from "./measure.js";
import { median } from "./median.js";
import { type Options, readOptions } from "./options.js";
import { profileServer } from "./profile.js";
import { report } from "./report.js";
import { createRun, type Run } from "./run.js";
import { idealStatements, ROOT, stopServers } from "./servers.js";

/** Installs what Postern is compared with, unless that is as the lock file says. */
function ensurePeers(): void {
  const own = fileURLToPath(new URL(".", import.meta.url));
  const modified = (path: string) => statSync(join(own, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (modified("node_modules/.package-lock.json") >= modified("package-lock.json")) return;
  const args = ["ci", "--prefix", own, "--ignore-scripts", "--no-audit", "--no-fund"];
  const { status } = spawnSync("npm", args, { stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) throw new Error(`npm ${args.join(" ")} failed`);
}

/** @returns the exit code */
async function bench(options: Options, stopLater: (stop: () => Promise<void>) => void): Promise<number> {
  if (process.platform !== "linux") throw new Error("The benchmark reads /proc: it runs on Linux only.");
  ensurePeers();
  const folder = resolve(ROOT, options.dataDir);
  mkdirSync(folder, { recursive: true });
  const isWhole = !options.profile && !options.hostile && !options.flood;
  const wants = (part: Options["parts"][number]) => isWhole && options.parts.includes(part);
  const databases = wants("growth") ? [BENCH, LARGE] : [BENCH];
  const cluster = await BenchCluster.open(folder, { binaries: options.binaries, stopLater });
  await ensureLoaded(cluster, databases, options.fresh);
  const before = options.servers.includes("before") ? buildBefore(options.before, stopLater) : undefined;
  if (before) console.error(`before: ${before.commit}`);
  if (options.servers.includes("ideal")) await captureStatements(cluster, idealStatements(folder));
  const run = createRun(options, cluster, folder, before?.root);
  if (options.profile) {
    for (const name of options.servers) await profileServer(run, name, options.profile);
    return 0;
  }
  if (options.hostile || options.flood) {
    console.log(await (options.flood ? measureFlood : measureHostile)(run));
    console.log(await circumstances(run, []));
    return 0;
  }
  const statements = wants("statements") ? await countStatements(run) : undefined;
  const cells = wants("cells") ? await measureCells(run) : [];
  const { text, isMissed } = report({
    statements,
    cells,
    documents: wants("documents") ? await measureDocuments(run) : undefined,
    memory: wants("memory") ? await measureMemory(run) : undefined,
    growth: wants("growth") ? await measureGrowth(run) : undefined,
  });
  console.log(text);
  console.log(await circumstances(run, cells));
  return isMissed ? 1 : 0;
}

/** In what the figures were measured. */
async function circumstances({ options, cluster }: Run, cells: readonly Cell[]): Promise<string> {
  const [row] = await cluster.asSuperuser("postgres", (sql) => sql`select version() as version`);
  const { rounds, turns, seconds, connections } = options;
  const others = cells.map((cell) => cell.others);
  const parts = [
    `Measured ${new Date().toISOString().slice(0, 10)}: ${rounds} × ${turns} × ${seconds} s`,
    `${connections} connections, ${cpus().length} processors (${cpus()[0]?.model.trim()}), Node ${process.version}`,
    `${/^\S+ \S+/.exec(row?.version)?.[0]} (${options.binaries ?? "the embedded build"})`,
    ...(others.length > 0 ? [`${Math.round(median(others) * 100)} % of the processors busy with other things`] : []),
  ];
  return `${parts.join(", ")}.`;
}

/** What must be stopped whatever happens, after the servers. */
const begun: (() => Promise<void>)[] = [];
let ending: Promise<void> | undefined;
function end(code: number): void {
  ending ??= (async () => {
    await stopServers();
    for (const stop of begun) await stop();
    process.exit(code);
  })();
}
process.once("SIGINT", () => end(130));
process.once("SIGTERM", () => end(143));
// The driver throws by itself where the database goes while it writes, as it does when a load is interrupted.
process.on("uncaughtException", (error) => {
  if (!ending) console.error(error);
  end(1);
});

try {
  const options = readOptions(process.argv.slice(2));
  end(options ? await bench(options, (stop) => begun.push(stop)) : 0);
} catch (error) {
  if (!ending) console.error((error as Error).message);
  end(1);
}
