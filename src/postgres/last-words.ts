/** What PostgreSQL's last words in its log mean, for people. */
import { StartFault } from "../start-fault.js";

/** Where a cluster keeps its data, and its log. */
export interface ClusterPaths {
  readonly dataDir: string;
  readonly logFile: string;
}

/** It recovers for longer than somebody waits, and goes on: who starts it again takes it over. */
export class StillStartingError extends Error {
  constructor(
    message: string,
    /** Whether this call began it. */
    readonly started: boolean,
  ) {
    super(message);
  }
}

/** @param what happened to the cluster, such as "cannot start" @param lastWords what its log ends with */
export function faultOf({ dataDir, logFile }: ClusterPaths, what: string, lastWords: string): Error {
  const [, made] = /initialized by PostgreSQL version (\d+)/.exec(lastWords) ?? [];
  if (made) {
    const message = `PostgreSQL ${made} made the data in ${dataDir}, which this Postern's PostgreSQL cannot read.`;
    return new StartFault("data", `${message} Start the Postern that made it, or choose another data folder.`);
  }
  if (/No space left on device/.test(lastWords)) {
    return new StartFault("disk", `The disk that holds ${dataDir} is full. Make room, then start Postern again.`);
  }
  const lines = lastWords.trimEnd().split("\n").slice(-12).join("\n");
  return new Error(`PostgreSQL in ${dataDir} ${what}. Its log (${logFile}) ends:\n${lines}`);
}
