/** Tells people what the last lines of PostgreSQL's log mean. */
import { StartFault } from "../start-fault.js";

/** The paths of a cluster's data directory and log. */
export interface LastWordsPaths {
  readonly dataDir: string;
  readonly logFile: string;
}

/** The server recovers for longer than the caller waits. It goes on, and the next start adopts it. */
export class StillStartingError extends Error {
  constructor(
    message: string,
    /** Whether the call that throws this started the server. */
    readonly started: boolean,
  ) {
    super(message);
  }
}

/** @param what happened to the cluster, such as "cannot start" @param lastWords the end of its log */
export function faultOfLastWords({ dataDir, logFile }: LastWordsPaths, what: string, lastWords: string): Error {
  const [, version] = /initialized by PostgreSQL version (\d+)/.exec(lastWords) ?? [];
  if (version) {
    const message = `PostgreSQL ${version} made the data in ${dataDir}, which this Postern's PostgreSQL cannot read.`;
    return new StartFault("data", `${message} Start the Postern that made it, or choose another data folder.`);
  }
  if (/No space left on device/.test(lastWords)) {
    return new StartFault("disk", `The disk that holds ${dataDir} is full. Make room, then start Postern again.`);
  }
  const lines = lastWords.trimEnd().split("\n").slice(-12).join("\n");
  return new Error(`PostgreSQL in ${dataDir} ${what}. Its log (${logFile}) ends:\n${lines}`);
}
