/** Parts that start one after the other, and stop in the reverse order: what has failed half-way is stopped too. */

/** @param hurry ends what a stop waits for, once aborted */
type Stop = (hurry?: AbortSignal) => Promise<void>;

export interface Part {
  start?(): Promise<unknown>;
  stop?: Stop;
}

/** @param open how to close what is open already */
export function startInOrder(parts: readonly Part[], open: Stop) {
  const begun: Stop[] = [open];
  return {
    async start(): Promise<void> {
      for (const part of parts) {
        if (part.stop) begun.push(part.stop);
        await part.start?.();
      }
    },
    async stop(hurry?: AbortSignal): Promise<void> {
      for (let each = begun.pop(); each; each = begun.pop()) await each(hurry);
    },
  };
}
