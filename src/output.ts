/** Standard output and standard error: what is written there neither ends nor stops Postern, whoever reads it, or does not. */

/** What waits to be read, at most, in characters; what comes then is dropped and counted. */
const MAX_WAITING = 1_048_576;
/** How long an end waits for whoever reads. */
const FLUSH_TIMEOUT_MS = 500;

export interface Output {
  /** @param text ends with a line break */
  write(text: string): void;
  /** Resolves when all is written, or nobody reads in time. */
  flush(): Promise<void>;
}

type Stream = NodeJS.WriteStream & {
  /** Node's own handle of a pipe or a terminal, which blocks unless it is told not to. */
  readonly _handle?: { setBlocking?(blocking: boolean): void };
};

/**
 * Takes over a stream of the process.
 * @param told makes the line that says how many were dropped, once there is room again
 */
export function openOutput(stream: NodeJS.WriteStream, told: (dropped: number) => string): Output {
  // A pipe that nobody reads would stop the whole process in the middle of a write.
  (stream as Stream)._handle?.setBlocking?.(false);
  let isClosed = false;
  let dropped = 0;
  // Whoever read it has gone, or the disk of the file is full: that is no reason to end.
  stream.on("error", () => {
    isClosed = stream.destroyed || stream.closed;
    dropped += 1;
  });
  const hasRoom = () => stream.writableLength < MAX_WAITING;

  function write(text: string): void {
    if (isClosed || !hasRoom()) {
      dropped += 1;
      return;
    }
    if (dropped > 0) {
      const count = dropped;
      dropped = 0;
      stream.write(told(count));
    }
    stream.write(text);
  }

  return {
    write,
    flush: () =>
      new Promise((resolve) => {
        if (isClosed || stream.writableLength === 0) return resolve();
        const late = setTimeout(resolve, FLUSH_TIMEOUT_MS);
        stream.write("", () => {
          clearTimeout(late);
          resolve();
        });
      }),
  };
}
