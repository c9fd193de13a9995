/** Writes to standard output and standard error without ever blocking or ending Postern, even if nobody reads them. */

/** Characters that may wait to be read. Later texts are dropped and counted. */
const MAX_WAITING = 1_048_576;
/** How long the end of the process waits for a reader. */
const FLUSH_TIMEOUT_MS = 500;

interface Output {
  /** @param text ends with a line break */
  write(text: string): void;
  /** Resolves when everything is written, or nobody has read it in time. */
  flush(): Promise<void>;
}

type Stream = NodeJS.WriteStream & {
  /** Node's handle of a pipe or terminal, which blocks by default. */
  readonly _handle?: { setBlocking?(blocking: boolean): void };
};

/**
 * Takes over a stream of the process.
 * @param describeDropped makes the line that says how many texts were dropped, which is written once there is room again
 */
export function openOutput(stream: NodeJS.WriteStream, describeDropped: (dropped: number) => string): Output {
  // A blocking write to a pipe that nobody reads would stop the whole process.
  (stream as Stream)._handle?.setBlocking?.(false);
  let isClosed = false;
  let dropped = 0;
  // The reader has gone or the disk is full, which must not end Postern.
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
      stream.write(describeDropped(count));
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
