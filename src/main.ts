/** The process: it reads the configuration, starts everything in order, and stops it in reverse order. */
import { failureBanner, newAccountBanner, readyBanner } from "./cli/banner.js";
import { startSettings } from "./cli/start-settings.js";
import { processConfig } from "./config.js";
import type { Log } from "./log.js";
import { openOutput } from "./output.js";
import { EXIT_CODES } from "./start-fault.js";
import { findVersion } from "./version.js";

const output = openOutput(process.stdout, (dropped) => `${dropped} texts were dropped here: nobody read them.\n`);
const errorOutput = openOutput(
  process.stderr,
  (dropped) =>
    `${JSON.stringify({ level: "warn", dropped, msg: "lines of the log were dropped: nobody read them" })}\n`,
);
const say = (text: string) => output.write(`${text}\n`);

/** How to stop what runs, in the order in which it was started. */
const running: ((hurry: AbortSignal) => Promise<void>)[] = [];
/** Aborted by the first request to stop. */
const stopping = new AbortController();
/** Aborted by the second request to stop, which ends all waiting. */
const hurrying = new AbortController();
/** A second signal within this time is the same request, because npm passes on a signal that the terminal sends to all. */
const SAME_REQUEST_MS = 1000;
/** How long a stop after an unforeseen fault may take. */
const UNCLEAN_STOP_MS = 5000;

let log: Log | undefined;

/** Runs one step of the start, unless a stop was requested. */
async function step<T>(
  work: (signal: AbortSignal) => Promise<T>,
  stop?: (result: T, hurry: AbortSignal) => Promise<void>,
): Promise<T> {
  stopping.signal.throwIfAborted();
  const result = await work(stopping.signal);
  if (stop) running.push((hurry) => stop(result, hurry));
  return result;
}

/** @returns the result of the work, or fails when a stop is requested; the rest of the work then ends with the process */
const unlessStopped = <T>(work: Promise<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    stopping.signal.addEventListener("abort", () => reject(stopping.signal.reason), { once: true });
    work.then(resolve, reject);
  });

/** Another Postern owns the data folder and all that runs there now, so this one ends at once and stops nothing. */
function onLost(): void {
  log?.fatal("another Postern has taken over the data folder: this one ends");
  process.exit(EXIT_CODES.claimed);
}

async function start(): Promise<void> {
  const config = processConfig();
  // Loading these takes most of a second, and the signal handlers must be there before.
  const [
    { createApp },
    { createLog },
    { prepareDatabaseForStart, startSeeds },
    { openDatabaseServer, openInstanceServers },
  ] = await step(() =>
    unlessStopped(
      Promise.all([import("./app.js"), import("./log.js"), import("./cli/start.js"), import("./cli/servers.js")]),
    ),
  );
  const opened = createLog(config.logLevel, errorOutput);
  log = opened;
  const version = await step(() => findVersion(config.commit));
  opened.info({ ...version, node: process.version, ...startSettings(config) }, "Postern starts");
  const database = await step(
    (signal) => openDatabaseServer(config, opened, signal, onLost),
    (opened) => opened.stop(),
  );
  await step((signal) =>
    unlessStopped(
      prepareDatabaseForStart(config, database.connection, { wait: say, signal, log: opened }, (db) =>
        startSeeds(config, db, (kind, account) => say(newAccountBanner(kind, account))),
      ),
    ),
  );
  const fleet = await step(
    () => openInstanceServers(config, opened, onLost),
    (opened) => opened.stop(),
  );
  const ports = {
    version,
    log: opened,
    clock: { now: () => new Date() },
    connection: database.connection,
    providers: fleet.providers,
  };
  const app = await step(
    () => unlessStopped(createApp(config, ports)),
    (created, hurry) => created.stop(hurry),
  );
  const url = await step(() => unlessStopped(app.start()));
  if (stopping.signal.aborted) return;
  say(readyBanner(url, config, database.dataDir));
  opened.info({ url }, "Postern listens");
  // This is not awaited, because starting and creating instances takes seconds and must not hold up a stop.
  fleet
    .bringUp(() => app.refreshInventory())
    .catch((error) => {
      if (!stopping.signal.aborted) opened.error({ err: error }, "not all instances were brought up");
    });
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);

let stopRequestedAtMs = 0;
function onSignal(): void {
  if (stopping.signal.aborted) {
    if (Date.now() - stopRequestedAtMs > SAME_REQUEST_MS) hurrying.abort();
    return;
  }
  stopRequestedAtMs = Date.now();
  void end();
}

for (const event of ["uncaughtException", "unhandledRejection"] as const) {
  process.on(event, (error: unknown) => {
    log?.fatal({ err: error }, "an unforeseen fault ends Postern");
    if (!log) say(failureBanner(error).text);
    process.exitCode = EXIT_CODES.software;
    // The next start deals with what could not be stopped in order.
    setTimeout(() => process.exit(), UNCLEAN_STOP_MS);
    hurrying.abort();
    void end();
  });
}

const started = start().catch((error: unknown) => {
  // A signal to the whole process group also ends what a step runs, such as initdb, which then fails.
  if (stopping.signal.aborted) return;
  const { text, exitCode } = failureBanner(error);
  process.exitCode = exitCode;
  say(text);
  return void end();
});

// `npm run dev` holds the other end of a channel: where it was killed, this process ends too.
process.on("disconnect", onSignal);
if (process.connected === false) onSignal();

/** Waits for the current step, stops everything in reverse order, and ends the process. */
async function end(): Promise<void> {
  if (stopping.signal.aborted) return;
  stopping.abort(new Error("stopped"));
  await started;
  await stopAll();
  await Promise.all([output.flush(), errorOutput.flush()]);
  process.exit();
}

async function stopAll(): Promise<void> {
  for (let stop = running.pop(); stop; stop = running.pop()) {
    await stop(hurrying.signal).catch((error: Error) => {
      process.exitCode = EXIT_CODES.software;
      say(`Stopping: ${error.message}`);
    });
  }
}
