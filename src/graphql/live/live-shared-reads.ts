/** Shares reads among subscriptions: a change that many of them follow is read once for all who would be answered alike. */
import { hash } from "node:crypto";
import type { PlannerRow, ShareRead } from "../../engine/read/planner-query.js";

/** The bytes of answers that are kept for others, about. Beyond them the oldest are read again. */
const MAX_BYTES = 16_777_216;
/** No answer is kept for longer: what an actor may see can change, though the row does not. */
const MAX_AGE_MS = 5_000;
/** What an answer takes beside its texts. */
const ENTRY_BYTES = 500;

interface SharedRead {
  readonly answer: Promise<PlannerRow>;
  readonly askedAtMs: number;
  bytes: number;
}

const bytesOf = (row: PlannerRow): number => row.reduce((sum, text) => sum + 2 * (text?.length ?? 0), ENTRY_BYTES);

/**
 * Each subscription plans its own read for each message, with the permissions and the scope of its actor. Whatever depends on the actor is in
 * the statement or its parameters, so two reads that have both the same are answered the same, whoever asks. For example, 100 subscriptions
 * of a DBA, 50 of an ADMIN and 50 of SECURITY, who may not read endpoints, follow one operation: a change of it is read twice.
 *
 * @param round see RowChanges: an answer is shared as long as it stays the same, so nobody gets one from before the change they were told of
 */
export function createSharedReads(round: () => number): ShareRead {
  const shared = new Map<string, SharedRead>();
  let sharedIn = round();
  let bytes = 0;

  function forget(key: string, { bytes: less }: SharedRead): void {
    shared.delete(key);
    bytes -= less;
  }

  /** Counts an answer that has come, and forgets the oldest where they are too many. */
  function count(key: string, read: SharedRead, row: PlannerRow): void {
    if (shared.get(key) !== read) return;
    read.bytes = bytesOf(row);
    bytes += read.bytes;
    for (const [oldest, other] of shared) {
      if (bytes <= MAX_BYTES) return;
      forget(oldest, other);
    }
  }

  return async (text, parameters, ask) => {
    if (sharedIn !== round()) {
      sharedIn = round();
      shared.clear();
      bytes = 0;
    }
    const key = hash("sha256", JSON.stringify([text, parameters]), "base64");
    const other = shared.get(key);
    const nowMs = performance.now();
    // Whoever has asked may have had less time, or fewer connections.
    if (other && nowMs - other.askedAtMs < MAX_AGE_MS) return (await other.answer.catch(() => undefined)) ?? ask();
    const answer = ask();
    const read: SharedRead = { answer, askedAtMs: nowMs, bytes: 0 };
    if (other) forget(key, other);
    shared.set(key, read);
    answer.then(
      (row) => count(key, read, row),
      () => {
        if (shared.get(key) === read) forget(key, read);
      },
    );
    return answer;
  };
}
