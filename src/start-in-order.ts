/** Starts parts one after the other, and stops them in reverse order, even one whose start has failed. */

/** @param hurry ends all waiting once it is aborted */
type Stop = (hurry?: AbortSignal) => Promise<void>;

interface StartPart {
  start?(): Promise<unknown>;
  stop?: Stop;
}

/** @param closeLast closes what is open before the first start */
export function startInOrder(parts: readonly StartPart[], closeLast: Stop) {
  const begun: Stop[] = [closeLast];
  let isStopping = false;
  return {
    /** @throws where a stop comes before all have started: none starts after it */
    async start(): Promise<void> {
      for (const part of parts) {
        if (isStopping) throw new Error("stopped before everything had started");
        if (part.stop) begun.push(part.stop);
        await part.start?.();
      }
    },
    /** Stops all that has begun. @throws the first fault, once all others are stopped too */
    async stop(hurry?: AbortSignal): Promise<void> {
      isStopping = true;
      const faults: unknown[] = [];
      for (let stop = begun.pop(); stop; stop = begun.pop()) await stop(hurry).catch((error) => faults.push(error));
      if (faults.length > 0) throw faults[0];
    },
  };
}
