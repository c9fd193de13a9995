/** A Postern under load on a PostgreSQL of its own, to which something happens, and how all is well again after it. */
import { type ChildProcess, spawn } from "node:child_process";
import { expect } from "vitest";
import { type OwnCluster, type OwnClusterOptions, ROLE, withOwnCluster } from "../support/own-cluster.js";
import { PATIENCE_MS, type Running } from "../support/postern.js";
import { stateOf } from "../support/refusals.js";
import { eventually } from "../support/sandbox.js";
import { startWriting, type Writing } from "./writers.js";

/** For statements of the Posterns under test. */
export const STATEMENT_TIMEOUT_MS = 2000;
/** No root field is answered later. */
export const BOUND_MS = STATEMENT_TIMEOUT_MS + 1000;
/** Before a fault, and after it. */
const SOME = 30;

export interface UnderLoad extends OwnCluster, Writing {
  readonly url: string;
  readonly postern: Running;
}

interface LoadOptions extends OwnClusterOptions {
  /** Of Postern. */
  readonly environment?: Record<string, string>;
}

/** Runs a fault under load. What was acknowledged must be there afterwards, once and whole, and everybody be answered in time. */
export const underLoad = (
  sandbox: { readonly path: string },
  name: string,
  fault: (under: UnderLoad) => Promise<void>,
  { environment, ...options }: LoadOptions = {},
): Promise<void> =>
  withOwnCluster(
    sandbox,
    name,
    async (own) => {
      const postern = own.start({ STATEMENT_TIMEOUT_MS: String(STATEMENT_TIMEOUT_MS), ...environment });
      let stop = async () => {};
      try {
        const { url } = await postern.ready();
        const writing = await startWriting({ url: () => url, signInAt: url, mark: name, patienceMs: PATIENCE_MS });
        const { ledger } = writing;
        ({ stop } = writing);
        await writing.acknowledged(SOME);
        await fault({ ...own, ...writing, url, postern });
        await writing.acknowledged(SOME);
        await stop();
        ledger.tell();
        await settled(own, url);
        expect.soft(await ledger.disagreements(own.sql)).toEqual([]);
        expect.soft(ledger.lost()).toEqual([]);
        expect.soft(ledger.late(BOUND_MS), `answered after ${BOUND_MS} ms`).toEqual([]);
        postern.kill("SIGTERM");
        expect(await postern.ended()).toBe(0);
      } finally {
        postern.kill("SIGKILL");
        await Promise.all([stop(), postern.ended()]);
      }
    },
    options,
  );

/** Resolves once nothing of Postern's runs any more, and no record waits. */
export async function settled({ sql }: Pick<OwnCluster, "sql">, url: string): Promise<void> {
  await eventually(async () => (await stateOf(url)).waiting === 0, PATIENCE_MS);
  const busy = () =>
    sql`
      select from pg_stat_activity where datname = current_database() and state <> 'idle'
      and pid <> pg_backend_pid() and application_name <> 'postern jobs'`;
  await eventually(async () => (await busy()).length === 0, PATIENCE_MS);
}

/** @returns the pids of Postern's backends, whoever sent something last before the others */
export const backends = async ({ sql }: Pick<OwnCluster, "sql">): Promise<number[]> =>
  (await sql`select pid from pg_stat_activity where usename = ${ROLE} order by query_start desc nulls last`).map(
    ({ pid }) => pid as number,
  );

/** They open other connections then. */
export const endBackends = ({ sql }: Pick<OwnCluster, "sql">): Promise<unknown> =>
  sql`select pg_terminate_backend(pid) from pg_stat_activity where usename = ${ROLE}`;

/** Stops processes while the work runs; they go on after it, whatever becomes of it. */
export async function whileStopped(pids: readonly number[], work: () => Promise<void>): Promise<void> {
  // Should this process be killed, they go on nevertheless.
  const guard: ChildProcess = spawn("/bin/sh", ["-c", `read -r _; kill -CONT ${pids.join(" ")}`], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  try {
    for (const pid of pids) process.kill(pid, "SIGSTOP");
    await work();
  } finally {
    guard.stdin?.end();
    for (const pid of pids) process.kill(pid, "SIGCONT");
  }
}
