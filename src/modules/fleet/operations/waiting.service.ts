/** Lets requests wait for the ends of operations, whichever process runs them. */
import { EventEmitter } from "node:events";
import type { Db } from "../../../db/client.js";
import type { Log } from "../../../log.js";
import type { Timings } from "../../../timings.js";
import { findOperation } from "./operations.store.js";
import { isEndState } from "./state-machine.js";

export interface WaitingDeps {
  readonly db: Db;
  readonly log: Log;
  readonly timings: Pick<Timings, "waitingMs">;
}

export type Waiting = ReturnType<typeof createWaiting>;

const MAX_WAITING = 500;

export function createWaiting({ db, log, timings }: WaitingDeps) {
  /** Emits the id of each operation that ends. */
  const ended = new EventEmitter().setMaxListeners(0);
  /** The operations that this process is ending. An end is complete once the instance was refreshed. */
  const ending = new Set<string>();
  let waiters = 0;
  let isReleased = false;

  const wake = (id: bigint) => void ended.emit(String(id));

  return {
    /** Wakes the requests that wait for an operation. */
    wake,

    /** Ends an operation. The requests that wait for it are woken last, so that they see the instance as the operation has left it. */
    async whileEnding(id: bigint, end: () => Promise<void>): Promise<void> {
      ending.add(String(id));
      await end().finally(() => ending.delete(String(id)));
      wake(id);
    },

    /** Ends all waiting, now and later. The operations are accepted, and go on without their requests. */
    release(): void {
      isReleased = true;
      for (const id of ended.eventNames()) ended.emit(id);
    },

    /** Resolves when the operation has ended, or at the limit. Where this process runs it, its instance has been refreshed then. */
    async waitFor(id: string, seconds: number): Promise<void> {
      if (seconds <= 0 || waiters >= MAX_WAITING) return;
      waiters += 1;
      const deadlineMs = Date.now() + seconds * 1000;
      try {
        for (let leftMs = deadlineMs - Date.now(); leftMs > 0 && !isReleased; leftMs = deadlineMs - Date.now()) {
          // It listens before it reads, so that it misses no end between the two.
          const { promise: woken, resolve } = Promise.withResolvers<void>();
          ended.once(id, resolve);
          const timer = setTimeout(resolve, Math.min(timings.waitingMs, leftMs));
          try {
            // The operation is accepted, so a read that fails here must not become the answer.
            const operation = await findOperation(db, id).catch((error) => {
              log.warn({ err: error, operationId: id }, "a waiting request looks again");
              return undefined;
            });
            if (operation === null || (operation && isEndState(operation.status) && !ending.has(id))) return;
            await woken;
          } finally {
            clearTimeout(timer);
            ended.off(id, resolve);
          }
        }
      } finally {
        waiters -= 1;
      }
    },
  };
}
