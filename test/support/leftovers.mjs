/**
 * Outlives a run of the tests, however that ends, and then ends the processes and removes the folders that it has left.
 * Arguments: the run's folder, and the folder where the data goes that the database's user cannot reach there.
 */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

const [, , folder, elsewhere] = process.argv;
const STOP_MS = 3000;

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => undefined);

const names = (path) => {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
};

/** The names end in random characters, so that whatever names one belongs to the run. */
const prefixes = () => [`${folder}/`, ...names(folder).map((name) => `${elsewhere}/${name}-`)];

/** What names a path of the run on its command line: postmasters, Posterns, programs of tests. */
const left = () =>
  names("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, "latin1");
      return prefixes().some((prefix) => line.includes(prefix));
    } catch {
      return false;
    }
  });

function signal(name) {
  for (const pid of left()) {
    try {
      process.kill(Number(pid), name);
    } catch {
      // It has ended meanwhile.
    }
  }
}

// The run holds the other end.
process.stdin.resume();
console.log("waiting");
process.stdin.on("close", async () => {
  // Postmasters end their backends with them.
  signal("SIGQUIT");
  for (const since = Date.now(); left().length > 0 && Date.now() - since < STOP_MS; ) await delay(50);
  signal("SIGKILL");
  const moved = names(elsewhere).filter((name) =>
    prefixes().some((prefix) => `${elsewhere}/${name}`.startsWith(prefix)),
  );
  for (const path of [...moved.map((name) => `${elsewhere}/${name}`), folder]) {
    rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
});
