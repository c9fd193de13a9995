/** What is measured beside the cells: memory, many documents, statements, and tables ten times as large. */
import { Agent, request } from "node:http";
import { removeInserted } from "./answers.js";
import { BENCH, LARGE } from "./databases.js";
import { type Load, measure } from "./measure.js";
import { median } from "./median.js";
import type { Run } from "./run.js";
import type { Server } from "./servers.js";
import {
  DOCUMENTS,
  requestPage,
  requestsForVulnerabilities,
  requestsInDocuments,
  requestsOf,
  type ServerName,
  type Workload,
} from "./workloads.js";

/** Starts a server that has run under the load for a while. */
async function startWarm({ options, cluster, start }: Run, name: ServerName, bodies: readonly string[], load: Load) {
  const server = await start(name);
  await measure(server, bodies, { ...load, seconds: 3 * options.warmup, patience: 0 }, cluster.pid);
  return server;
}

/** MiB at the peak, W2 at 100 connections. */
export async function measureMemory(run: Run) {
  const { options, cluster, record } = run;
  const load = { ...options, connections: 100, seconds: options.turns * options.seconds };
  const peaks = { floor: [] as number[], postern: [] as number[] };
  for (let round = 1; round <= options.rounds; round++) {
    for (const name of ["floor", "postern"] as const) {
      const bodies = requestsOf(name, "W2");
      const server = await startWarm(run, name, bodies, load);
      const { memory } = await measure(server, bodies, load, cluster.pid);
      await server.stop();
      peaks[name].push(memory);
      record("memory", { round, server: name, memory });
    }
  }
  return { floor: median(peaks.floor), postern: median(peaks.postern) };
}

/** Postern's processor time for many documents as a multiple of that for one, each in a process of its own. */
export async function measureDocuments(run: Run): Promise<number> {
  const { options, cluster, record } = run;
  const one = requestsInDocuments(1);
  const many = requestsInDocuments(DOCUMENTS);
  const ratios: number[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    const [ofOne, ofMany] = [
      await startWarm(run, "postern", one, options),
      await startWarm(run, "postern", many, options),
    ];
    for (let turn = 0; turn < options.turns; turn++) {
      const single = await measure(ofOne, one, options, cluster.pid);
      const { cpu } = await measure(ofMany, many, options, cluster.pid);
      ratios.push(cpu / single.cpu);
      record("documents", { round, one: single.cpu, many: cpu });
    }
    for (const server of [ofOne, ofMany]) await server.stop();
  }
  return median(ratios);
}

const ASKED = 50;

/** Statements that PostgreSQL logs for one request of each workload. */
export async function countStatements({ options, cluster, start, record }: Run) {
  const counts = new Map<Workload, number>();
  await cluster.logStatements(BENCH.name, async (readLog) => {
    const server = await start("postern");
    for (const workload of options.workloads) {
      await server.headers();
      readLog();
      for (const body of requestsOf("postern", workload).slice(0, ASKED)) await server.ask(body);
      const seen = new Map<string, number>();
      for (const text of readLog()) seen.set(text, (seen.get(text) ?? 0) + 1);
      // What Postern does by the clock comes far less often than the requests.
      const count = [...seen.values()].reduce((sum, times) => sum + Math.round(times / ASKED), 0);
      counts.set(workload, count);
      record("statements", { workload, count });
    }
    await server.stop();
  });
  await removeInserted(cluster);
  return counts;
}

/** One request after the other, on one connection. @returns milliseconds */
function createStopwatch(server: Server) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return async (body: string): Promise<number> => {
    const headers = await server.headers();
    const since = process.hrtime.bigint();
    const text = await new Promise<string>((resolve, reject) => {
      const sent = request(server.url, { method: "POST", agent, headers }, (response) => {
        let received = "";
        response.setEncoding("utf8");
        response.on("data", (chunk) => (received += chunk));
        response.on("end", () => resolve(received));
      });
      sent.on("error", reject);
      sent.end(body);
    });
    const elapsed = Number(process.hrtime.bigint() - since) / 1e6;
    if (!text.startsWith('{"data":{')) throw new Error(`${server.name} answers ${text.slice(0, 600)} to ${body}`);
    return elapsed;
  };
}

const PAGE = 1000;
/** Pages asked for around that one. */
const PAGES = 10;

/** The pages around the thousandth of W3, found as a client finds them: by following the cursors. */
async function deepPages(server: Server): Promise<string[]> {
  let after: string | null = null;
  const pages: string[] = [];
  for (let page = 1; page <= PAGE; page++) {
    if (page > PAGE - PAGES) pages.push(requestPage(after));
    const data = await server.ask(requestPage(after, "cursor"));
    after = (data.securityEvents as { pageInfo: { endCursor: string } }).pageInfo.endCursor;
  }
  return pages;
}

const ASKED_OF_EACH = 1000;

/** The median time of a request to the large tables as a multiple of that to the others. */
export async function measureGrowth({ options, start, record }: Run) {
  const small = await start("postern");
  const large = await start("postern", { database: LARGE.name });
  const cases = {
    W1: [requestsForVulnerabilities(BENCH.scale), requestsForVulnerabilities(LARGE.scale)],
    page: [await deepPages(small), await deepPages(large)],
  } as const;
  const watches = [createStopwatch(small), createStopwatch(large)] as const;
  const ratios: Record<string, number> = {};
  for (const [name, bodies] of Object.entries(cases)) {
    const rounds: number[] = [];
    // The first round only warms up: what is compared is in memory, as what is asked for often is.
    for (let round = 0; round <= options.rounds; round++) {
      const times: [number[], number[]] = [[], []];
      for (let index = 0; index < ASKED_OF_EACH; index++) {
        for (const at of index % 2 ? ([0, 1] as const) : ([1, 0] as const)) {
          times[at].push(await watches[at](bodies[at][index % bodies[at].length]!));
        }
      }
      const [ofSmall, ofLarge] = times.map(median) as [number, number];
      if (round > 0) rounds.push(ofLarge / ofSmall);
      if (round > 0) record("growth", { round, name, small: ofSmall, large: ofLarge });
    }
    ratios[name] = median(rounds);
  }
  for (const server of [small, large]) await server.stop();
  return ratios as Record<keyof typeof cases, number>;
}
