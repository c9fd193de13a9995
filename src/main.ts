/** The process: reads the configuration, starts everything in order, and stops it in the reverse order. */
import { failure, newAccount, ready } from "./banner.js";
import { processConfig } from "./config.js";

const say = (text: string) => process.stdout.write(`${text}\n`);

/** What runs, in the order it was started. */
const running: (() => Promise<void>)[] = [];
let stopRequested = false;

/** Runs one step of the start, unless somebody has asked to stop meanwhile. */
async function step<T>(work: () => Promise<T>, stop?: (result: T) => Promise<void>): Promise<T> {
  if (stopRequested) throw new Error("stopped");
  const result = await work();
  if (stop) running.push(() => stop(result));
  return result;
}

async function start(): Promise<void> {
  const config = processConfig();
  // Not imported above: loading them takes most of a second, and signals are to be heeded before.
  const [{ createApp }, { createLog }, { openDatabase, openFleet, prepareDatabase }] = await step(() =>
    Promise.all([import("./app.js"), import("./log.js"), import("./start.js")]),
  );
  const log = createLog(config.logLevel);
  const database = await step(
    () => openDatabase(config, log),
    (opened) => opened.stop(),
  );
  if (database.relocatedTo) {
    say(`The database's user cannot reach ${config.dataDir}, so the data is in ${database.relocatedTo}`);
  }
  await step(() =>
    prepareDatabase(config, database.connection, log, (kind, account) => say(newAccount(kind, account))),
  );
  const fleet = await step(
    () => openFleet(config, log),
    (opened) => opened.stop(),
  );
  const ports = {
    log,
    clock: { now: () => new Date() },
    connection: database.connection,
    providers: fleet.providers,
  };
  const app = await step(
    () => createApp(config, ports),
    (created) => created.stop(),
  );
  const url = await step(() => app.start());
  if (stopRequested) return;
  say(ready(url, config));
  // Not waited for: starting and making instances takes seconds, and must not hold up a stop either.
  fleet
    .bringUp(() => app.refreshInventory())
    .catch((error) => {
      if (!stopRequested) log.error({ err: error }, "not all instances were brought up");
    });
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, end);

const started = start().catch((error: Error) => {
  // A signal to the whole process group also ends what a step runs, such as initdb: that is no failure of ours.
  if (stopRequested) return;
  process.exitCode = 1;
  say(failure(error));
  end();
});

/** Waits for the step under way, stops what runs, and ends. Once: npm passes on a signal that the terminal sent to all. */
function end(): void {
  if (stopRequested) return;
  stopRequested = true;
  started.then(stopAll).then(() => process.exit());
}

async function stopAll(): Promise<void> {
  for (let each = running.pop(); each; each = running.pop()) {
    await each().catch((error: Error) => {
      process.exitCode = 1;
      say(`Stopping: ${error.message}`);
    });
  }
}
