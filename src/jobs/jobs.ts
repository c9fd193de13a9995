/** Background work on pg-boss: jobs that travel with the transaction that needs them, and tasks that run on a schedule. */
import { setTimeout as delay } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { fromDrizzle, PgBoss } from "pg-boss";
import type { ClientOptions, Db } from "../db/client.js";
import { type Log, onceAMinute } from "../log.js";
import { PACE, type Pace } from "../timings.js";

/** Something that runs by itself; of several replicas one runs it. */
export interface Task {
  /** Letters, digits and hyphens. */
  readonly name: string;
  /** Minute by minute at the most. */
  readonly cron: string;
  readonly run: () => Promise<void>;
}

export interface JobsOptions {
  readonly connection: ClientOptions["connection"];
  readonly log: Log;
  /** Of PostgreSQL, for its connections. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly pace?: Pick<Pace, "jobsSeconds" | "jobsStopMs">;
}

/** A job that fails is tried again after so many seconds, and then doubling; the next scheduled one comes anyway. */
const RETRY = { retryLimit: 5, retryDelay: 2, retryBackoff: true, retryDelayMax: 60 } as const;
const KEEP_SECONDS = 3600;
/** For the driver: a database that is lost in silence is noticed. */
const SILENCE: object = { query_timeout: 10_000, keepAlive: true };
const CONNECTIONS = 2;

export type Jobs = ReturnType<typeof createJobs>;

/** pg-boss brings its own driver, which names the user differently. */
function driverOptions(connection: ClientOptions["connection"]) {
  if (typeof connection === "string") return { connectionString: connection };
  const { host, port, database, username, password } = connection;
  return { host: String(host), port: Number(port), database, user: username, password: password as string };
}

/** As start-up parameters; a pooler that takes none has none to take. */
const startUp = (settings: Readonly<Record<string, string>>) =>
  Object.entries(settings).map(([name, value]) => `-c ${name}=${value.replaceAll(" ", "\\ ")}`);

export function createJobs({ connection, log, settings = {}, pace = PACE }: JobsOptions) {
  const boss = new PgBoss({
    ...driverOptions(connection),
    options: startUp(settings).join(" ") || undefined,
    max: CONNECTIONS,
    ...SILENCE,
    application_name: "postern jobs",
  });
  boss.on(
    "error",
    onceAMinute((fault) => log.warn(fault, "background work waits for the database")),
  );

  const queue = (name: string) =>
    boss.createQueue(name, { ...RETRY, deleteAfterSeconds: KEEP_SECONDS, retentionSeconds: 86_400 });

  return {
    /** Makes its tables where they are missing, and begins. */
    async start(): Promise<void> {
      await boss.start();
    },

    /** Hands jobs of a queue to a function; a job that throws is tried again. */
    async work<T extends object>(name: string, run: (data: T) => Promise<void> | void): Promise<void> {
      await queue(name);
      await boss.work<T>(name, { pollingIntervalSeconds: pace.jobsSeconds, batchSize: 20 }, async (jobs) => {
        for (const { data } of jobs) await run(data);
      });
    },

    /** Sends a job in the caller's transaction: it is there when, and only when, the change is. */
    async enqueue(db: Db, name: string, data: object): Promise<void> {
      await boss.send(name, data, { db: fromDrizzle(db as never, sql) });
    },

    /** Runs tasks on their schedule. A run that is late or doubled does no harm: every task looks at what is there. */
    async schedule(tasks: readonly Task[]): Promise<void> {
      for (const { name, cron, run } of tasks) {
        await this.work(name, async () => {
          await run().catch((error) => {
            log.warn({ err: error, task: name }, "a scheduled task failed; it runs again on its schedule");
          });
        });
        await boss.schedule(name, cron, null, { singletonKey: name, retryLimit: 0 });
      }
    },

    /** Lets what runs end, for a while. */
    async stop(): Promise<void> {
      const stopped = boss.stop({ graceful: true, timeout: pace.jobsStopMs });
      // Its pool waits for what a database that is silent never answers.
      await Promise.race([stopped, delay(pace.jobsStopMs + 1000, undefined, { ref: false })]);
    },
  };
}
