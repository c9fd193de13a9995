/** Which statements of several callers are sent one behind the other, and when those behind have waited too long. */
import { StatementTurn, type Turn } from "./turn.js";

/** Statements that share a connection, at most, and how long all of them usually take, since the last waits for the others. */
export const MAX_PIPELINED = 8;
const PIPELINED_MS = 20;
/** How long others wait behind one caller's statements. Then a read that has taken so long itself is stopped, and sent again alone. */
const WAIT_BEHIND_MS = 250;
export const SLOW_MS = 50;

/** @returns whether a statement may be sent behind those that a connection has, whosever they are */
export function mayFollow(turns: readonly StatementTurn[], turn: Turn | undefined): boolean {
  if (turns.length >= MAX_PIPELINED || !(turn instanceof StatementTurn) || !turn.isQuick) return false;
  // A read waits behind no change, which is never stopped for it; of a change it must be known in time what has become of it.
  const { isRead, endsAtMs } = turn;
  if (!turns.every((before) => (isRead ? before.isRead : before.endsAtMs <= endsAtMs))) return false;
  return [...turns, turn].reduce((sum, { usual }) => sum + (usual?.ms ?? 0), 0) <= PIPELINED_MS;
}

/**
 * @returns whether the first is a slow read, behind which another caller has waited too long. A change is never stopped for others: it
 * may wait for a standby, and would then be done
 */
export function keepsOthers([first, ...behind]: readonly StatementTurn[]): boolean {
  if (!first?.isRead || !first.isWanted || !first.wasSent) return false;
  const now = performance.now();
  const other = behind.find(({ caller }) => caller.name !== first.caller.name);
  return now - first.firstAtMs > SLOW_MS && other !== undefined && now - other.cameAtMs > WAIT_BEHIND_MS;
}
