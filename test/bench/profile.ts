/** Where a server spends its processor time in one workload: by package and by function, from Node's own profiler. */
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { measure } from "./measure.js";
import type { Run } from "./run.js";
import { ROOT } from "./servers.js";
import { DOCUMENTS, requestsInDocuments, requestsOf, type ServerName, type Workload } from "./workloads.js";

/** V8's CPU profile; times in microseconds of the monotonic clock. */
interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
  readonly startTime: number;
}
interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

const INTERVAL_US = 500;
const PACKAGES = 25;
const FUNCTIONS = 45;

function packageOf({ url, functionName }: CallFrame): string {
  if (url === "") return functionName.startsWith("(") ? functionName : `native ${functionName}`;
  if (url.startsWith("node:")) return url.replace(/^node:internal\//, "node:").replace(/^(node:[^/]+).*/, "$1");
  const installed = [...url.matchAll(/node_modules\/((?:@[^/]+\/)?[^/]+)/g)].pop()?.[1];
  return installed ?? url.replace(`file://${ROOT}`, "").replace(/^dist\//, "own: ");
}

const functionOf = ({ url, functionName, lineNumber }: CallFrame) =>
  `${functionName || "(anonymous)"}${url && ` ${url.startsWith("node:") ? url : basename(url)}:${lineNumber + 1}`}`;

/** Self time in the window, by what a name is made of; without the time in which nothing ran. */
function selfTimes(profile: Profile, fromUs: number, toUs: number, nameOf: (frame: CallFrame) => string) {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const times = new Map<string, number>();
  let nowUs = profile.startTime;
  for (const [index, id] of profile.samples.entries()) {
    const delta = profile.timeDeltas[index] ?? 0;
    nowUs += delta;
    const frame = frames.get(id)!;
    if (nowUs < fromUs || nowUs > toUs || frame.functionName === "(idle)") continue;
    times.set(nameOf(frame), (times.get(nameOf(frame)) ?? 0) + delta);
  }
  return times;
}

function table(title: string, times: ReadonlyMap<string, number>, requests: number, most: number): string {
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  const lines = [...times]
    .sort(([, a], [, b]) => b - a)
    .slice(0, most)
    .map(([name, time]) => {
      const share = ((time / total) * 100).toFixed(1).padStart(5);
      return `${share} %  ${(time / requests).toFixed(2).padStart(7)}  ${name}`;
    });
  return [`${title}: share, ms for 1,000 requests`, ...lines].join("\n");
}

/** Prints where the time went, and where the profile is kept for a viewer. */
export async function profileServer(run: Run, name: ServerName, workload: Workload | "documents"): Promise<void> {
  const { options, cluster, folder, start } = run;
  const target = join(folder, "profiles", `${name}-${workload}`);
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  const nodeOptions = ["--cpu-prof", `--cpu-prof-interval=${INTERVAL_US}`, `--cpu-prof-dir=${target}`];
  const server = await start(name, { nodeOptions });
  const bodies = workload === "documents" ? requestsInDocuments(DOCUMENTS) : requestsOf(name, workload);
  await measure(server, bodies, { ...options, seconds: options.warmup, patience: 0 }, cluster.pid);
  let window: [number, number] = [0, 0];
  const cell = await measure(server, bodies, { ...options, patience: 0 }, cluster.pid, (...times) => {
    window = times;
  });
  // The profile is written when the process ends by itself.
  await server.stop();
  const file = readdirSync(target).find((each) => each.endsWith(".cpuprofile"));
  if (!file) throw new Error(`${name} left no profile in ${target}: it must end by itself on SIGTERM`);
  const profile = JSON.parse(readFileSync(join(target, file), "utf8")) as Profile;
  const of = (nameOf: (frame: CallFrame) => string) => selfTimes(profile, ...window, nameOf);
  console.log(`${name}, ${workload}: ${Math.round(cell.perSecond)} requests/s under the profiler\n`);
  console.log(`${table("By package", of(packageOf), cell.requests, PACKAGES)}\n`);
  console.log(`${table("By function", of(functionOf), cell.requests, FUNCTIONS)}\n`);
  console.log(`The profile, for a viewer: ${join(target, file)}`);
}
