/** Writes one line to the log for each request, when it has ended. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Log, plainLogLines } from "../log.js";
import type { RequestFacts } from "../values/request-facts.js";

/** A response with what is noted about its request. */
export interface LoggedResponse extends ServerResponse {
  readonly facts: RequestFacts;
}

/** Load balancers ask for these every second, so their lines are only for debugging. */
const HEALTH = "/health/";

/** Milliseconds are written with two decimals, because longer numbers take longer to write. */
const IN_HUNDREDTHS = 100;

/** Makes what writes the lines. */
export function createRequestLog(log: Log) {
  const writeInfo = plainLogLines(log, "info");
  const writeDebug = plainLogLines(log, "debug");

  /** Writes the line of a request, once. @param isAborted whether the client left before it had the whole answer */
  function write(facts: RequestFacts, isAborted: boolean): void {
    if (facts.isLogged) return;
    facts.isLogged = true;
    const { id, method, route, operation, document, actor, code, status, beganAtMs, statements, bytes } = facts;
    const writeLine = route?.startsWith(HEALTH) ? writeDebug : writeInfo;
    writeLine?.({
      requestId: id,
      method,
      route,
      operation,
      document,
      actor,
      code,
      status,
      durationMs: Math.round((performance.now() - beganAtMs) * IN_HUNDREDTHS) / IN_HUNDREDTHS,
      statements,
      bytes,
      aborted: isAborted || undefined,
      msg: "request",
    });
  }

  return {
    write,

    /**
     * Writes the line when the answer has been sent. If the client leaves before, what is done for it is noted too, and the line waits for
     * the end of that.
     * @returns a function that is to be called when nothing more is done for the request
     */
    follow({ socket }: IncomingMessage, response: LoggedResponse): () => void {
      let isDone = false;
      let hasLeft = false;
      response.once("close", () => {
        const { facts } = response;
        hasLeft = !response.writableFinished;
        // The package `cors` sends answers by itself.
        if (!hasLeft) facts.status ??= response.statusCode;
        if (isDone || !hasLeft) write(facts, hasLeft);
      });
      return () => {
        isDone = true;
        // A response that waited behind another on its connection is never told that the client has left.
        if (hasLeft || socket.destroyed) write(response.facts, true);
      };
    },
  };
}
