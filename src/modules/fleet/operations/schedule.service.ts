/** Follows the clock: it queues scheduled operations whose time has come, and ends those that are too late. */
import type { Db } from "../../../db/client.js";
import type { Log } from "../../../log.js";
import type { Completion } from "./completion.service.js";
import { listLateScheduledOperations, queueScheduledOperations } from "./scheduled-operations.store.js";
import type { Waiting } from "./waiting.service.js";

export interface ScheduleDeps {
  readonly db: Db;
  readonly log: Log;
  readonly completion: Pick<Completion, "expire">;
  readonly waiting: Pick<Waiting, "wake">;
  /** How late an operation may begin. */
  readonly maxLatenessMinutes: number;
}

export function createSchedule({ db, log, completion, waiting, maxLatenessMinutes }: ScheduleDeps) {
  return {
    /** Does what is due. Any number of replicas may do so at once, and be killed anywhere: each change is one transaction. */
    async run(): Promise<void> {
      await queueScheduledOperations(db, maxLatenessMinutes);
      for (const operation of await listLateScheduledOperations(db, maxLatenessMinutes)) {
        const expiry = db.transaction((db) => completion.expire(db, operation)).then(() => waiting.wake(operation.id));
        await expiry.catch((error) => {
          log.warn({ err: error, operationId: String(operation.id) }, "an operation has not expired yet");
        });
      }
    },
  };
}
