/** The leases of a worker on the operations that it runs, and the word that somebody has cancelled one of them. */
import type { Db } from "../../../db/client.js";
import type { Log } from "../../../log.js";
import { updateOperationLease } from "./operation-claims.store.js";

/** A worker that has not extended its lease for so long counts as dead. */
export const LEASE_MS = 10_000;

interface LeasesDeps {
  readonly db: Db;
  readonly log: Log;
  readonly worker: string;
}

export function createLeases({ db, log, worker }: LeasesDeps) {
  /** What runs here, by its id. */
  const running = new Map<bigint, AbortController>();
  const cancel = (id: bigint) => running.get(id)?.abort();

  return {
    /** Tells the work of an operation, where it runs here, that somebody has cancelled it. */
    cancel,

    /**
     * Extends the lease while an operation runs, however long the provider takes to answer. So a worker learns within seconds what was
     * cancelled at another replica, without a statement more.
     */
    async hold({ id }: { readonly id: bigint }, work: (cancelling: AbortSignal) => Promise<void>): Promise<void> {
      const cancelling = new AbortController();
      running.set(id, cancelling);
      const renew = async () => {
        try {
          if (await updateOperationLease(db, id, worker, LEASE_MS)) cancel(id);
        } catch (error) {
          log.warn({ err: error, operationId: String(id) }, "the lease of an operation is not renewed");
        }
      };
      const timer = setInterval(renew, LEASE_MS / 3);
      await work(cancelling.signal).finally(() => {
        clearInterval(timer);
        running.delete(id);
      });
    },
  };
}
