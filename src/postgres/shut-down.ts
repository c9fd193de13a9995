/** Shuts the server of a cluster down fast, and immediately when that takes too long. */
import { rmdir } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { isServerProcess, signalProcess } from "./processes.js";

const IMMEDIATE_STOP_TIMEOUT_MS = 10_000;
const POLL_MS = 20;

interface Shutdown {
  /** The cluster's folder. */
  readonly folder: string;
  readonly dataDir: string;
  /** How long a fast shutdown may take. */
  readonly stopTimeoutMs: number;
}

/** Resolves when the process is gone. @throws Error when it does not stop */
export async function shutDownServer(
  { folder, dataDir, stopTimeoutMs }: Shutdown,
  pid: number,
  socketDir: string,
): Promise<void> {
  for (const [signal, timeoutMs] of [
    ["SIGINT", stopTimeoutMs],
    ["SIGQUIT", IMMEDIATE_STOP_TIMEOUT_MS],
  ] as const) {
    const deadline = Date.now() + timeoutMs;
    if (await isServerProcess(pid, dataDir)) signalProcess(pid, signal);
    while (await isServerProcess(pid, dataDir)) {
      if (Date.now() > deadline) break;
      await delay(POLL_MS);
    }
  }
  if (await isServerProcess(pid, dataDir)) throw new Error(`PostgreSQL in ${dataDir}, process ${pid}, does not stop.`);
  // A socket folder outside the cluster's folder is of no use now. If another process has started the cluster again, it is not empty.
  if (!socketDir.startsWith(folder)) await rmdir(socketDir).catch(() => {});
}
