/** Decides which statements of several callers share a connection, and when one of them has kept the others waiting too long. */
import { callerShare } from "../../values/caller.js";
import { StatementTurn, type Turn } from "./turn.js";

/**
 * Example: three users ask in the same turn of the event loop. A and B look up a key (0.5 ms each), C lists scans (usually 6 ms).
 *  - 0.5 + 0.5 + 6 ms is under PIPELINED_MS, so all three are written to one socket at once, in the order A, C, B.
 *  - This time C's list takes long. Every 50 ms the connection looks at its first statement (now C): after 250 ms of B waiting,
 *    and because C is a read, it sends a cancel request and lets nothing more onto the connection until the server has handled it.
 *  - C fails with 57014 (cancelled). As someone still wants it, it is sent again with a connection for itself, and counts as slow
 *    until many runs were quick. B runs next; if the request hit B instead, B is sent again just so, and the cancel is repeated.
 *  - Had C been a change, B would never have been placed behind it, because a change is not stopped for others.
 */

/** Statements on one connection at most. */
export const MAX_PIPELINED = 8;
/** Their usual times add up to this at most, because the last waits for all others. */
const PIPELINED_MS = 20;
/** A read is stopped when it has run for PIPELINED_SLOW_MS and another caller has waited behind it for WAIT_BEHIND_MS. */
const WAIT_BEHIND_MS = 250;
export const PIPELINED_SLOW_MS = 50;

/** @returns whether a statement may be sent behind those of a connection, whoever sent them */
export function mayBePipelined(turns: readonly StatementTurn[], turn: Turn | undefined): boolean {
  if (turns.length >= MAX_PIPELINED || !(turn instanceof StatementTurn) || !turn.isQuick) return false;
  // A read does not wait behind a change, which is never stopped. A change waits only for what ends before its own deadline.
  const { isRead, endsAtMs } = turn;
  if (!turns.every((before) => (isRead ? before.isRead : before.endsAtMs <= endsAtMs))) return false;
  return [...turns, turn].reduce((sum, { usual }) => sum + (usual?.ms ?? 0), 0) <= PIPELINED_MS;
}

/**
 * A change never counts: it may have been done already and wait only for a standby.
 * @returns whether the first statement is a slow read behind which another caller has waited too long
 */
export function isHoldingUpPipelined([first, ...behind]: readonly StatementTurn[]): boolean {
  if (!first?.isRead || !first.isWanted || !first.wasSent) return false;
  const now = performance.now();
  const other = behind.find(({ caller }) => callerShare(caller) !== callerShare(first.caller));
  return now - first.firstAtMs > PIPELINED_SLOW_MS && other !== undefined && now - other.cameAtMs > WAIT_BEHIND_MS;
}
