/** What is really the case with a member: never believed from a file, never waited for longer than a moment. */

import { setTimeout as delay } from "node:timers/promises";
import type { Cluster } from "../../cluster/cluster.js";
import { asSuperuser } from "../../cluster/connection.js";
import { findPostmaster } from "../../cluster/postmaster.js";

export type Observation =
  | {
      readonly is: "answering";
      readonly inRecovery: boolean;
      /** When its server was started; changes with every restart. */
      readonly startedAt: string;
    }
  | { readonly is: "starting" | "down" | "silent"; readonly reason: string };

const ATTEMPT_MS = 1_000;
const RETRY_MS = 20;

/** Resolves within about `timeoutMs`, whatever state the cluster is in. */
export async function observe(cluster: Cluster, timeoutMs: number): Promise<Observation> {
  const running = await findPostmaster(cluster.dataDir);
  if (!running) return { is: "down", reason: "Its server is not running." };
  if (!running.ready) return { is: "starting", reason: "Its server is starting, recovering or stopping." };
  try {
    return await ask(cluster, timeoutMs);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code?.startsWith("57P0")) return { is: "starting", reason: "Its server is starting, recovering or stopping." };
    return { is: "silent", reason: `Its server runs but does not answer: ${(error as Error).message}` };
  }
}

/** Waits until the cluster answers. @throws the last Error when it does not within `timeoutMs` */
export async function untilAnswering(cluster: Cluster, timeoutMs: number) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await ask(cluster, ATTEMPT_MS);
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await delay(RETRY_MS);
    }
  }
}

async function ask(cluster: Cluster, timeoutMs: number) {
  const look = async (sql: Parameters<Parameters<typeof asSuperuser>[1]>[0]) => {
    const [row] = await sql`select pg_is_in_recovery() as recovery, pg_postmaster_start_time()::text as started`;
    return { is: "answering", inRecovery: row?.recovery as boolean, startedAt: row?.started as string } as const;
  };
  return asSuperuser(cluster, look, { timeoutMs });
}

/** How a primary sees one of its standbys. @throws Error when the primary does not answer */
export async function observeReplication(
  primary: Cluster,
  standby: string,
  timeoutMs: number,
): Promise<{ isStreaming: boolean; lagBytes: number }> {
  const [row] = await asSuperuser(
    primary,
    (sql) => sql`
      select pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::float8 as lag
        from pg_stat_replication where application_name = ${standby} and state = 'streaming'`,
    { timeoutMs },
  );
  return { isStreaming: row?.lag != null, lagBytes: row?.lag ?? Number.POSITIVE_INFINITY };
}
