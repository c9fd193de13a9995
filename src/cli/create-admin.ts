/** The command `npm run create-admin`: it gives an administrator back, when all are lost, to whoever has the database or its folder. */
import { processConfig } from "../config.js";
import { createLog } from "../log.js";
import { restoreAdministrator } from "../seed/administrator.js";
import { EXIT_CODES } from "../start-fault.js";
import { failureBanner, newAccountBanner } from "./banner.js";
import { openDatabaseServer } from "./servers.js";
import { prepareDatabaseForStart } from "./start.js";

const say = (text: string) => process.stdout.write(`${text}\n`);

async function createAdmin(signal: AbortSignal): Promise<void> {
  const config = processConfig();
  const log = createLog(config.logLevel);
  const onLost = () => process.exit(EXIT_CODES.claimed);
  const database = await openDatabaseServer(config, log, signal, onLost);
  try {
    await prepareDatabaseForStart(config, database.connection, { log, signal, wait: say }, (db) => {
      signal.throwIfAborted();
      return restoreAdministrator(db, config.admin, {
        generatePasswords: config.generatePasswords,
        announce: (account) => say(newAccountBanner("restored", account)),
      });
    });
  } finally {
    await database.stop();
  }
}

const stopping = new AbortController();
// A second signal must not kill it while its database still runs: npm passes on a signal that the terminal sends to all.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => stopping.abort(new Error("stopped")));

await createAdmin(stopping.signal).catch((error: unknown) => {
  const { text, exitCode } = failureBanner(error, "No administrator was created");
  process.exitCode = exitCode;
  say(text);
});
