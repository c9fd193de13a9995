/** Observes the real state of a member: it asks the server and trusts no file, and it never waits long. */

import { access } from "node:fs/promises";
import { join } from "node:path";
import type { Sql } from "postgres";
import { answersProtocol } from "../../postgres/answers.js";
import type { Cluster } from "../../postgres/cluster.js";
import { connectAsSuperuser } from "../../postgres/connection.js";
import { ControlFileLostError, isStandbyData, readControlFile } from "../../postgres/control-file.js";
import { findPostmaster } from "../../postgres/postmaster.js";

export type Observation =
  | {
      readonly is: "answering";
      readonly inRecovery: boolean;
      /** Identifies the server process; it changes with every restart. */
      readonly run: string;
    }
  /** The server is alive and may serve others, but refuses Postern: that is no reason for a failover. */
  | {
      readonly is: "refusing";
      readonly inRecovery: boolean;
      readonly run: string;
      /** The SQLSTATE, such as `53300` or `28P01`, or the code of another error. */
      readonly code: string;
      readonly reason: string;
      readonly fault: unknown;
    }
  | Unwell;

type Unwell = { readonly is: "starting" | Failed; readonly reason: string };

/** The server does not run, does not answer, or its data folder is gone. */
type Failed = "down" | "silent" | "lost";

/** Whether the member cannot serve anybody, so that a failover is allowed. */
export const isObservedFailed = (seen: Observation): seen is Unwell & { readonly is: Failed } =>
  seen.is === "down" || seen.is === "silent" || seen.is === "lost";

const LOGIN_MS = 1_000;
const STARTING = { is: "starting", reason: "Its server is starting, recovering or stopping." } as const;

/** Observes a cluster within about `timeoutMs`, whatever state it is in. */
export async function observe(cluster: Cluster, timeoutMs: number): Promise<Observation> {
  if (!(await hasData(cluster))) return { is: "lost", reason: "Its data folder is gone." };
  const running = await findPostmaster(cluster.dataDir);
  if (!running) return { is: "down", reason: "Its server is not running." };
  const deadline = Date.now() + timeoutMs;
  if (!(await answersProtocol(running, timeoutMs))) {
    // The server may have ended meanwhile, and a new one may not listen yet.
    const now = await findPostmaster(cluster.dataDir);
    if (!now) return { is: "down", reason: "Its server is not running." };
    if (now.pid !== running.pid) return STARTING;
    return { is: "silent", reason: "Its server runs but does not answer." };
  }
  if (!running.isReady) return STARTING;
  const { run } = running;
  try {
    const look = (sql: Sql) => sql`select pg_is_in_recovery() as recovery`;
    const [row] = await connectAsSuperuser(cluster, look, { timeoutMs: Math.max(LOGIN_MS, deadline - Date.now()) });
    return { is: "answering", inRecovery: row?.recovery as boolean, run };
  } catch (error) {
    const { code = "TIMEOUT", message } = error as { code?: string; message: string };
    // 57P01 may also mean that somebody ended only Postern's session.
    const hasStopped = code === "57P01" && !(await findPostmaster(cluster.dataDir))?.isReady;
    if (hasStopped || (code.startsWith("57P0") && code !== "57P01")) return STARTING;
    const reason = `Its server answers, but does not let Postern log in: ${message}`;
    const inRecovery = await readControlFile(cluster.dataDir).then(
      ({ isInProduction }) => !isInProduction,
      (fault) => (fault instanceof ControlFileLostError ? null : isStandbyData(cluster)),
    );
    if (inRecovery === null)
      return { is: "lost", reason: "Its control file is gone, without which it never starts again." };
    return { is: "refusing", inRecovery, run, code, reason, fault: error };
  }
}

/** Whether the server is up, even if it refuses Postern. */
export const isObservedUp = (seen: Observation): seen is Extract<Observation, { is: "answering" | "refusing" }> =>
  seen.is === "answering" || seen.is === "refusing";

/** Whether the server is up and no standby. */
export const isObservedTakingWrites = (seen: Observation): boolean => isObservedUp(seen) && !seen.inRecovery;

const hasData = (cluster: Cluster): Promise<boolean> =>
  access(join(cluster.dataDir, "PG_VERSION")).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT" && error.code !== "ENOTDIR",
  );
