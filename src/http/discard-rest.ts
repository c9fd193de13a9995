/** Reads the rest of a refused request, so that the client gets to its answer. */
import type { IncomingMessage } from "node:http";

/** A client may send this much of a refused body before its connection is cut. Cutting it at once would lose the answer. */
const MAX_DISCARDED_BYTES = 16 * 1_048_576;

export function discardRest(request: IncomingMessage): void {
  let discarded = 0;
  request.removeAllListeners("data");
  request.on("data", (chunk: Buffer) => {
    discarded += chunk.length;
    if (discarded > MAX_DISCARDED_BYTES) request.destroy();
  });
}
