/** Writes to standard output and standard error without ever blocking or ending Postern, even if nobody reads them. */

/** Characters that may wait to be read. Later texts are dropped and counted. */
const MAX_WAITING = 1_048_576;
/** Texts that are written soon wait for others so long, or until they are so many characters. */
const SOON_MS = 100;
const SOON_CHARACTERS = 65_536;
/** How long the end of the process waits for a reader. */
const FLUSH_TIMEOUT_MS = 500;

interface Output {
  /** @param text ends with a line break */
  write(text: string): void;
  /**
   * Writes a text within a tenth of a second, together with others, and before whatever is written at once. A process that ends without
   * notice, as by `kill -9`, loses it; the end of the process does not.
   */
  writeSoon(text: string): void;
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
  });
  const hasRoom = () => stream.writableLength < MAX_WAITING;
  /** The texts that are written soon. */
  let soon = "";
  let soonCount = 0;
  let timer: NodeJS.Timeout | undefined;

  function send(text: string, count: number): void {
    if (isClosed || !hasRoom()) {
      dropped += count;
      return;
    }
    const all = dropped > 0 ? describeDropped(dropped) + text : text;
    const allCount = dropped + count;
    dropped = 0;
    stream.write(all, (error) => {
      if (error) dropped += allCount;
    });
  }

  /** Writes what waits, and a text after it. */
  function writeAll(text = "", count = 0): void {
    const all = soon + text;
    const allCount = soonCount + count;
    [soon, soonCount] = ["", 0];
    clearTimeout(timer);
    timer = undefined;
    if (allCount > 0) send(all, allCount);
  }
  process.once("exit", () => writeAll());

  return {
    write: (text) => writeAll(text, 1),
    writeSoon(text) {
      soon += text;
      soonCount += 1;
      if (soon.length >= SOON_CHARACTERS) writeAll();
      else timer ??= setTimeout(writeAll, SOON_MS).unref();
    },
    flush: () =>
      new Promise((resolve) => {
        writeAll();
        if (isClosed || stream.writableLength === 0) return resolve();
        const late = setTimeout(resolve, FLUSH_TIMEOUT_MS);
        stream.write("", () => {
          clearTimeout(late);
          resolve();
        });
      }),
  };
}
