/** Promotes a standby by a signal, which needs no login: a password, a pg_hba rule or a crowd of clients cannot prevent it. */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Cluster } from "./cluster.js";
import { isStandbyData, readControlFile } from "./control-file.js";
import type { OsUser } from "./os-user.js";
import { writeOwned } from "./owned-file.js";
import { findPostmaster } from "./postmaster.js";
import { signalProcess } from "./processes.js";

const TIMEOUT_MS = 60_000;
const POLL_MS = 20;
const ASKED_AGAIN_AFTER_MS = 1_000;

/**
 * Makes a running standby take writes once it has replayed all its WAL. A cluster that takes writes already stays as it is.
 * @throws Error when it does not take writes within a minute, or ends meanwhile
 */
export async function promote(cluster: Cluster, owner: OsUser): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  for (let askedAt = 0; ; await delay(POLL_MS)) {
    const running = await findPostmaster(cluster.dataDir);
    if (!running) throw new Error("PostgreSQL ended before it became a primary.");
    if (running.isReady && (await readControlFile(cluster.dataDir)).isInProduction) return;
    if (Date.now() > deadline) throw new Error("PostgreSQL did not become a primary.");
    if (!(await isStandbyData(cluster)) || Date.now() - askedAt < ASKED_AGAIN_AFTER_MS) continue;
    askedAt = Date.now();
    // The server removes the file when it promotes. A server that starts removes an old file, so it is asked again.
    await writeOwned(join(cluster.dataDir, "promote"), "", owner).catch(ignoreExisting);
    signalProcess(running.pid, "SIGUSR1");
  }
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}
