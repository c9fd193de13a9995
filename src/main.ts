/** The process: reads the configuration, starts everything in order, and stops it in the reverse order. */
import { createApp } from "./app.js";
import { newAccount, ready } from "./banner.js";
import { ConfigError, processConfig } from "./config.js";
import { createLog } from "./log.js";
import { openDatabase, prepareDatabase } from "./start.js";

const say = (text: string) => process.stdout.write(`${text}\n`);

/** What runs, in the order it was started. */
const running: (() => Promise<void>)[] = [];
let stopRequested = false;

class Stopped extends Error {}

/** Runs one step of the start, unless somebody has asked to stop meanwhile. */
async function step<T>(work: () => Promise<T>, stop?: (result: T) => Promise<void>): Promise<T> {
  if (stopRequested) throw new Stopped();
  const result = await work();
  if (stop) running.push(() => stop(result));
  return result;
}

async function start(): Promise<void> {
  const config = processConfig();
  const log = createLog(config.logLevel);
  const database = await step(
    () => openDatabase(config, log),
    (opened) => opened.stop(),
  );
  if (database.relocatedTo) {
    say(`The database's user cannot reach ${config.dataDir}, so the data is in ${database.relocatedTo}`);
  }
  await step(() => prepareDatabase(config, database.connection, (kind, account) => say(newAccount(kind, account))));
  const ports = { log, clock: { now: () => new Date() }, connection: database.connection };
  const app = await step(
    () => createApp(config, ports),
    (created) => created.stop(),
  );
  const url = await step(() => app.start());
  say(ready(url, config.landingPage));
}

const started = start().catch((error: Error) => {
  if (error instanceof Stopped) return;
  process.exitCode = 1;
  say(
    error instanceof ConfigError
      ? `The configuration is not usable:\n${error.message}`
      : `Postern cannot start: ${error.message}${error.cause instanceof Error ? `\n  ${error.cause.message}` : ""}`,
  );
  return stop();
});

/** Waits for the step under way, then stops what runs; a second call changes nothing. */
async function stop(): Promise<void> {
  stopRequested = true;
  for (let each = running.pop(); each; each = running.pop()) {
    await each().catch((error: Error) => say(`Stopping: ${error.message}`));
  }
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    stopRequested = true;
    started.then(stop).then(() => process.exit());
  });
}
