/** Background work on pg-boss: jobs that are sent in a transaction, and tasks that run on a schedule. */
import { setTimeout as delay } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { fromDrizzle, PgBoss } from "pg-boss";
import type { ClientOptions, Db } from "../db/client.js";
import { type Log, logOnceAMinute } from "../log.js";
import { TIMINGS, type Timings } from "../timings.js";

/** Work that runs on a schedule, on one replica at a time. */
export interface JobTask {
  /** Letters, digits and hyphens. */
  readonly name: string;
  /** A cron expression; every minute at most. */
  readonly cron: string;
  readonly run: () => Promise<void>;
}

interface JobsOptions {
  readonly connection: ClientOptions["connection"];
  readonly log: Log;
  /** The PostgreSQL settings of its connections. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly timings?: Pick<Timings, "jobsSeconds" | "jobsStopMs">;
}

/** A failed job is tried again after 2 seconds, with a delay that doubles up to a minute. */
const RETRY = { retryLimit: 5, retryDelay: 2, retryBackoff: true, retryDelayMax: 60 } as const;
const KEEP_SECONDS = 3600;
/** Options of the driver, by which it notices a database that was lost in silence. */
const SILENCE: object = { query_timeout: 10_000, keepAlive: true };
const CONNECTIONS = 2;

export type Jobs = ReturnType<typeof createJobs>;

/** pg-boss brings its own driver, which names the user differently. */
function driverOptions(connection: ClientOptions["connection"]) {
  if (typeof connection === "string") return { connectionString: connection };
  const { host, port, database, username, password } = connection;
  return { host: String(host), port: Number(port), database, user: username, password: password as string };
}

/** Settings as start-up parameters. Behind a pooler that takes none, there are none. */
const startUp = (settings: Readonly<Record<string, string>>) =>
  Object.entries(settings).map(([name, value]) => `-c ${name}=${value.replaceAll(" ", "\\ ")}`);

export function createJobs({ connection, log, settings = {}, timings = TIMINGS }: JobsOptions) {
  const boss = new PgBoss({
    ...driverOptions(connection),
    options: startUp(settings).join(" ") || undefined,
    max: CONNECTIONS,
    ...SILENCE,
    application_name: "postern jobs",
  });
  boss.on(
    "error",
    logOnceAMinute((fault) => log.warn(fault, "background work waits for the database")),
  );

  const queue = (name: string) =>
    boss.createQueue(name, { ...RETRY, deleteAfterSeconds: KEEP_SECONDS, retentionSeconds: 86_400 });

  return {
    /** Creates the tables of pg-boss where they are missing, and begins. */
    async start(): Promise<void> {
      await boss.start();
    },

    /** Runs a function for each job of a queue. A job that throws is tried again. */
    async work<T extends object>(name: string, run: (data: T) => Promise<void> | void): Promise<void> {
      await queue(name);
      await boss.work<T>(name, { pollingIntervalSeconds: timings.jobsSeconds, batchSize: 20 }, async (jobs) => {
        for (const { data } of jobs) await run(data);
      });
    },

    /** Sends a job in the caller's transaction, so that it exists only if the change does. */
    async enqueue(db: Db, name: string, data: object): Promise<void> {
      await boss.send(name, data, { db: fromDrizzle(db as never, sql) });
    },

    /** Runs tasks on their schedule. A task must bear late and double runs. */
    async schedule(tasks: readonly JobTask[]): Promise<void> {
      for (const { name, cron, run } of tasks) {
        await this.work(name, async () => {
          await run().catch((error) => {
            log.warn({ err: error, task: name }, "a scheduled task failed; it runs again on its schedule");
          });
        });
        await boss.schedule(name, cron, null, { singletonKey: name, retryLimit: 0 });
      }
    },

    /** Waits for running jobs, within a limit. */
    async stop(): Promise<void> {
      const stopped = boss.stop({ graceful: true, timeout: timings.jobsStopMs });
      // The pool of pg-boss would wait for ever for a silent database.
      await Promise.race([stopped, delay(timings.jobsStopMs + 1000, undefined, { ref: false })]);
    },
  };
}
