/**
 * The soak, `npm run soak`: Postern under load for long, on a PostgreSQL of its own that is thrown away afterwards.
 *
 * A hundred connections ask as fast as they can until Postern is warm, the last minute of which says how much that is. Then they ask
 * 80 % of it, and that is measured: reads, writes, refusals and sign-ins of the users of 25 organizations and of staff. It prints latencies by operation, errors, memory,
 * stalls of the event loop and use of the pool, and ends with 1 where errors, memory or the pace miss their bound. Linux only.
 *
 *     npm run soak                     about 17 minutes
 *     npm run soak -- --minutes 2 --warmup 2
 *     npm run soak -- --connections 32
 */
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import postgres from "postgres";
import { startEmbedded } from "../../src/cli/embedded.js";
import { createLog } from "../../src/log.js";
import { processorTimes } from "../bench/processor-time.js";
import { Server, stopServers } from "../bench/servers.js";
import { createActors } from "./actors.js";
import { SoakLoad } from "./load.js";
import { report, type Sample } from "./report.js";

const PROBE = fileURLToPath(new URL("probe.mjs", import.meta.url));
const POOL_SIZE = 10;
const SHARE_OF_MAXIMUM = 0.8;
/** The last part of the warm-up. What is measured for seconds is above what lasts. */
const MAXIMUM_MS = 60_000;
/** What waited at the maximum is answered by then. */
const CALM_MS = 15_000;
const LOOK_AT_POOL_EVERY_MS = 100;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    warmup: { type: "string", default: "6" },
    connections: { type: "string", default: "100" },
  },
});
const number = (name: keyof typeof values): number => {
  const given = Number(values[name]);
  if (!(given > 0)) throw new Error(`--${name}: ${values[name]} is no number above 0`);
  return given;
};

const begun: (() => Promise<unknown>)[] = [];
let ending: Promise<void> | undefined;
function end(code: number): void {
  ending ??= (async () => {
    await stopServers();
    for (const stop of begun.reverse()) await stop();
    process.exit(code);
  })();
}
process.once("SIGINT", () => end(130));
process.once("SIGTERM", () => end(143));

/** @returns the exit code */
async function soak(): Promise<number> {
  const [minutes, warmup, connections] = [number("minutes"), number("warmup"), number("connections")];
  const folder = await mkdtemp(join(tmpdir(), "postern-soak-"));
  begun.push(() => rm(folder, { recursive: true, force: true }));
  // The database's user passes through here.
  await chmod(folder, 0o755);
  const database = await startEmbedded({ dataDir: join(folder, "data"), log: createLog("error") });
  begun.push(() => database.stop());
  const { host, port, username, password, database: name, path } = database.options;
  const sql = postgres({ path, username, password, database: name, max: 1, fetch_types: false });
  begun.push(() => sql.end({ timeout: 0 }));
  const file = join(folder, "probe.jsonl");
  const server = await Server.start("postern", {
    databaseUrl: `postgres:///${name}`,
    folder,
    nodeOptions: ["--import", PROBE],
    environment: {
      ...{ PGHOST: host, PGPORT: String(port), PGUSER: username, PGPASSWORD: password },
      ...{ DATA_DIR: join(folder, "postern"), DATABASE_POOL_SIZE: String(POOL_SIZE), PROBE_FILE: file },
    },
  });
  const actors = await createActors(server);
  const load = new SoakLoad(server.url, actors, connections);
  begun.push(() => load.stop());

  console.error(`${actors.length} actors on ${connections} connections: ${warmup} minutes to warm up ...`);
  await delay(Math.max(0, warmup * 60_000 - MAXIMUM_MS));
  load.take();
  await delay(MAXIMUM_MS);
  const maximum = load.take().perSecond;
  const wanted = SHARE_OF_MAXIMUM * maximum;
  load.pace(wanted);
  console.error(`${Math.round(maximum)} requests a second at most: ${Math.round(wanted)} from now on`);
  await delay(CALM_MS);

  load.take();
  const sinceMs = Date.now();
  // Postern and PostgreSQL are its children.
  const spent = processorTimes({ all: process.pid });
  const pool: number[] = [];
  for (let minute = 0; Date.now() - sinceMs < minutes * 60_000; ) {
    const [found] = await sql`
      select count(*)::int as n from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle' and application_name <> 'postern jobs'`;
    pool.push(found?.n as number);
    await delay(LOOK_AT_POOL_EVERY_MS);
    const passed = Math.floor((Date.now() - sinceMs) / 60_000);
    if (passed > minute) {
      minute = passed;
      const last = (await samplesOf(file)).at(-1);
      console.error(`${minute} of ${minutes} minutes: ${Math.round(last?.rssMiB ?? 0)} MiB`);
    }
  }
  const { others } = spent();
  const seen = load.take();
  await load.stop();
  const samples = (await samplesOf(file)).filter(({ atMs }) => atMs >= sinceMs);
  const { text, missed } = report({ seen, samples, pool, poolSize: POOL_SIZE, maximum, wanted, others });
  console.log(text);
  return missed.length > 0 ? 1 : 0;
}

const samplesOf = async (file: string): Promise<Sample[]> =>
  (await readFile(file, "utf8"))
    .split("\n")
    .filter((line) => line.endsWith("}"))
    .map((line) => JSON.parse(line) as Sample);

try {
  end(await soak());
} catch (error) {
  if (!ending) console.error(error);
  end(1);
}
