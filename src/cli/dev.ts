/** `npm run dev`: starts Postern again when its sources change. The servers stand meanwhile, and are stopped at the end. */
import { type ChildProcess, spawn } from "node:child_process";
import { watch } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Config, processConfig } from "../config.js";
import { createLog, type Log } from "../log.js";
import { openOutput } from "../output.js";
import { EXIT_CODES } from "../start-fault.js";
import { failureBanner } from "./banner.js";
import { LEAVE_SERVERS, stopServers } from "./servers.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const WATCHED = ["src", "drizzle"];
/** What editors write beside a file begins with a dot or ends in other letters. */
const SOURCE = /(^|\/)[^./][^/]*\.(ts|sql|json)$/;
/** A save may be several writes, of several files. */
const SETTLED_AFTER_MS = 100;

const say = (text: string) => process.stdout.write(`${text}\n`);

/** Whether the sources have changed since they were compiled last. */
let isStale = true;
let isEnding = false;
let postern: ChildProcess | undefined;
/** Tells who waits that something above has changed. */
let wake = () => {};

/** Resolves when the sources change or the end is requested, at once where they have. */
const changed = () =>
  new Promise<void>((resolve) => {
    wake = () => (isStale || isEnding) && resolve();
    wake();
  });

let settling: NodeJS.Timeout | undefined;
function onChange(name: string | null): void {
  if (name !== null && !SOURCE.test(name)) return;
  clearTimeout(settling);
  settling = setTimeout(() => {
    isStale = true;
    wake();
  }, SETTLED_AFTER_MS);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    isEnding = true;
    // A terminal sends its signals to Postern too, which takes both for one request.
    postern?.kill(signal);
    wake();
  });
}

/** Compiles the sources without checking types, in a fraction of a second. @returns whether they can be compiled; the faults are printed */
async function compile(): Promise<boolean> {
  isStale = false;
  const options = { entryPoints: ["src/**/*.ts"], outbase: "src", outdir: "dist", sourcemap: true };
  return build({ ...options, absWorkingDir: ROOT, platform: "node", format: "esm", logLevel: "error" }).then(
    () => true,
    () => false,
  );
}

const isAlive = (child: ChildProcess | undefined) => child?.exitCode === null && child.signalCode === null;

/** The next Postern. It loads packages while the sources are compiled and its predecessor stops (see dev-standby.ts). */
let standby: ChildProcess | undefined;

function prepare(): ChildProcess {
  if (standby && isAlive(standby)) return standby;
  const args = ["--enable-source-maps", "--import", `${ROOT}dist/cli/dev-standby.js`, `${ROOT}dist/main.js`];
  standby = spawn(process.execPath, [...args, LEAVE_SERVERS], {
    cwd: ROOT,
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  });
  standby.on("error", (error) => say(`Postern's process has failed: ${error.message}`));
  return standby;
}

function start(): ChildProcess {
  const child = prepare();
  standby = undefined;
  const onEnd = (code: number | null) => {
    postern = undefined;
    if (isEnding) process.exitCode = code ?? 0;
    else if (!child.killed) say("Postern has ended. The next save starts it again; Ctrl-C ends this too.");
  };
  child.on("exit", onEnd);
  // What could not be started never exits.
  child.on("error", () => child.pid === undefined && onEnd(EXIT_CODES.software));
  if (child.pid !== undefined) child.send("start");
  return child;
}

/** Asks a process to end, and waits until it has, however long that takes. */
async function stop(child: ChildProcess | undefined): Promise<void> {
  if (!child || !isAlive(child)) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  if (!child.killed) child.kill();
  await ended;
}

async function develop(config: Config, log: Log): Promise<void> {
  for (const folder of WATCHED) {
    watch(`${ROOT}${folder}`, { recursive: true }, (_, name) => onChange(name)).on("error", (error) =>
      log.warn({ err: error }, "Cannot watch for changes"),
    );
  }
  try {
    while (!isEnding) {
      if (postern) prepare();
      if (await compile()) {
        await stop(postern);
        if (!isEnding) postern = start();
      }
      await changed();
    }
  } finally {
    await Promise.all([stop(postern), stop(standby)]);
    await stopServers(config, log);
  }
}

const errorOutput = openOutput(process.stderr, () => "");
try {
  const config = processConfig();
  await develop(config, createLog(config.logLevel, errorOutput));
} catch (error) {
  const { text, exitCode } = failureBanner(error);
  say(text);
  process.exitCode = exitCode;
}
await errorOutput.flush();
process.exit();
