/** Logs statements that take long, by a hash of their text. */
import { hash } from "node:crypto";
import type { Log } from "../../log.js";
import type { WatchTurn } from "./turn.js";

export interface SlowStatements {
  readonly log: Log;
  /** A statement that takes at least so long is slow. */
  readonly ms: number;
}

/** A longer text is cut. */
const MAX_TEXT = 32_768;

/** @returns a function that logs a statement where it was slow */
export const logSlowStatements =
  ({ log, ms }: SlowStatements): WatchTurn =>
  (turn, rows, code) => {
    const { ranMs } = turn;
    if (ranMs < ms) return;
    const [text] = turn.text;
    const { request } = turn.caller;
    const statement = hash("sha256", text);
    const facts = request && { requestId: request.id, operation: request.operation };
    log.warn({ statement, durationMs: Math.round(ranMs), rows, code, ...facts }, "slow statement");
    // It holds names, also such as the client has made up, and no values: those are parameters.
    log.debug({ statement, text: text.slice(0, MAX_TEXT) }, "text of a slow statement");
  };
