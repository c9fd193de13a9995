/** One measurement: a server under load for a while, and what it cost. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { processorTimes } from "./processor-time.js";
import type { Server } from "./servers.js";

export interface Load {
  readonly connections: number;
  readonly seconds: number;
  /** Seconds to wait, and to try again, for a time in which the machine does little else; default none. */
  readonly patience?: number;
}

export interface Cell {
  readonly requests: number;
  readonly perSecond: number;
  /** Of the server and its descendants, in milliseconds for 1,000 requests. */
  readonly cpu: number;
  /** The same of PostgreSQL. */
  readonly databaseCpu: number;
  /** The same of the load generator. */
  readonly loadCpu: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Bytes of an answer, headers included. */
  readonly bytes: number;
  /** The server's peak resident memory in the measured time, MiB. */
  readonly memory: number;
  /** The share of the machine's processors that neither of them had. */
  readonly others: number;
}

/** Before each measurement, for connections to be made. */
export const SETTLING_MS = 1000;
/** The share of the machine that others may take from a measurement that had somebody waiting for a calm time. */
const CALM = 0.1;
const LOAD = fileURLToPath(new URL("load.mjs", import.meta.url));
/** From now on the kernel notes the peak anew. */
export const forgetPeak = (pid: number) => writeFileSync(`/proc/${pid}/clear_refs`, "5");

export const peakMiB = (pid: number) =>
  Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

/** What a load generator has seen since it was told to begin. */
export interface LoadReport {
  readonly requests: number;
  readonly seconds: number;
  readonly bytes: number;
  readonly errors: number;
  readonly firstFault?: string;
  /** How many answers had which code; `data` where they had none. */
  readonly codes: Readonly<Record<string, number>>;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** What is asked, and by how many at once. */
export interface Asked {
  readonly url: string;
  /** Of each user: the connections are shared among them in turn. */
  readonly headers: readonly Readonly<Record<string, string>>[];
  readonly bodies: readonly string[];
  readonly connections: number;
  /** After so many it rests. */
  readonly mostRequests?: number;
}

/** A load generator in a process of its own, which is at work from now on. */
export function startLoad(asked: Asked) {
  const load = fork(LOAD, { execArgv: [] });
  load.send({ kind: "start", ...asked });
  async function answerTo(kind: string): Promise<unknown> {
    load.send({ kind });
    const [message] = await Promise.race([
      once(load, "message"),
      once(load, "exit").then(() => Promise.reject(new Error("the load generator ended by itself"))),
    ]);
    return message;
  }
  return {
    pid: load.pid!,
    begin: () => answerTo("begin"),
    end: () => answerTo("end") as Promise<LoadReport>,
    /** What was asked is done then. */
    async stop(): Promise<void> {
      const ended = once(load, "exit");
      load.send({ kind: "stop" });
      await ended;
    },
    /** Whatever was asked. */
    kill: () => load.kill("SIGKILL"),
  };
}

async function untilCalm(deadline: number): Promise<void> {
  while (Date.now() < deadline) {
    const spent = processorTimes({});
    await delay(1000);
    if (spent().others < CALM) return;
  }
}

/**
 * @param databasePid the postmaster
 * @param during told the measured time, in microseconds of the monotonic clock
 * @throws Error at the first request that fails, or is answered with errors
 */
export async function measure(
  server: Server,
  bodies: readonly string[],
  load: Load,
  databasePid: number,
  during: (fromUs: number, toUs: number) => void = () => undefined,
): Promise<Cell> {
  const deadline = Date.now() + (load.patience ?? 0) * 1000;
  let calmest: Cell | undefined;
  do {
    await untilCalm(deadline);
    const cell = await measureOnce(server, bodies, load, databasePid, during);
    if (!calmest || cell.others < calmest.others) calmest = cell;
  } while (calmest.others > CALM && Date.now() < deadline);
  return calmest;
}

async function measureOnce(
  server: Server,
  bodies: readonly string[],
  { connections, seconds }: Load,
  databasePid: number,
  during: (fromUs: number, toUs: number) => void,
): Promise<Cell> {
  const nowUs = () => Number(process.hrtime.bigint() / 1000n);
  const load = startLoad({ url: server.url, headers: await server.headersOfUsers(), bodies, connections });
  try {
    await delay(SETTLING_MS);
    forgetPeak(server.pid);
    await load.begin();
    const pids = { server: server.pid, database: databasePid, load: load.pid };
    const [spent, fromUs] = [processorTimes(pids), nowUs()];
    await delay(seconds * 1000);
    const result = await load.end();
    const [{ milliseconds, others }, toUs] = [spent(), nowUs()];
    const memory = peakMiB(server.pid);
    during(fromUs, toUs);
    await load.stop();
    const { requests, errors, firstFault, p50, p99 } = result;
    if (errors > 0 || requests === 0) {
      throw new Error(`${server.name}: ${errors} of ${requests} requests failed, the first: ${firstFault}`);
    }
    return {
      requests,
      perSecond: requests / result.seconds,
      cpu: (milliseconds.server / requests) * 1000,
      databaseCpu: (milliseconds.database / requests) * 1000,
      loadCpu: (milliseconds.load / requests) * 1000,
      p50,
      p99,
      bytes: result.bytes / requests,
      memory,
      others,
    };
  } finally {
    load.kill();
  }
}
