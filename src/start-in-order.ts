/** Starts parts one after the other, and stops them in reverse order, even one whose start has failed. */

/** @param hurry ends all waiting once it is aborted */
type Stop = (hurry?: AbortSignal) => Promise<void>;

export interface Part {
  start?(): Promise<unknown>;
  stop?: Stop;
}

/** @param closeLast closes what is open before the first start */
export function startInOrder(parts: readonly Part[], closeLast: Stop) {
  const begun: Stop[] = [closeLast];
  return {
    async start(): Promise<void> {
      for (const part of parts) {
        if (part.stop) begun.push(part.stop);
        await part.start?.();
      }
    },
    async stop(hurry?: AbortSignal): Promise<void> {
      for (let stop = begun.pop(); stop; stop = begun.pop()) await stop(hurry);
    },
  };
}
