/** Promotion by the operating system: it needs no login, which passwords, rules and crowds of clients can bar. */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { write } from "./base-backup.js";
import type { Cluster } from "./cluster.js";
import { isStandbyData, readControlFile } from "./control-file.js";
import type { OsUser } from "./os-user.js";
import { findPostmaster } from "./postmaster.js";

const TIMEOUT_MS = 60_000;
const POLL_MS = 20;
const ASKED_AGAIN_AFTER_MS = 1_000;

/**
 * Makes a running cluster one that takes writes, once it has replayed all WAL that it has; nothing happens to one that does already.
 * @throws Error when it does not within a minute, or ends meanwhile
 */
export async function promote(cluster: Cluster, owner: OsUser): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  for (let askedAt = 0; ; await delay(POLL_MS)) {
    const running = await findPostmaster(cluster.dataDir);
    if (!running) throw new Error("PostgreSQL ended before it became a primary.");
    if (running.ready && (await readControlFile(cluster.dataDir)).isInProduction) return;
    if (Date.now() > deadline) throw new Error("PostgreSQL did not become a primary.");
    if (!(await isStandbyData(cluster)) || Date.now() - askedAt < ASKED_AGAIN_AFTER_MS) continue;
    askedAt = Date.now();
    // The server takes the file away when it has seen it; one that starts takes away what was there before.
    await write(join(cluster.dataDir, "promote"), "", { owner }).catch(ignoreExisting);
    process.kill(running.pid, "SIGUSR1");
  }
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}
