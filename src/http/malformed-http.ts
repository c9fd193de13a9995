/** Answers what Node refuses as HTTP, in the form of all other errors. */
import { randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import { type AppError, limitExceeded, noRequestError, requestTooLateError } from "../errors.js";
import { RequestFacts } from "../values/request-facts.js";
import type { LoggedResponse } from "./request-log.js";

/** The status and the error of each of Node's codes. */
const FAULTS: Readonly<Record<string, readonly [string, AppError]>> = {
  HPE_HEADER_OVERFLOW: ["431 Request Header Fields Too Large", limitExceeded("headers", "Send shorter headers.")],
  ERR_HTTP_REQUEST_TIMEOUT: ["408 Request Timeout", requestTooLateError()],
};
const MALFORMED = ["400 Bad Request", noRequestError()] as const;

/**
 * Answers and closes the connection. Where it is lost, or an answer has begun, it is only closed.
 * @returns the facts of the request that it has answered, which may have begun
 */
export function refuseMalformed(
  error: NodeJS.ErrnoException,
  socket: Socket,
  headers: Record<string, string>,
): RequestFacts | undefined {
  const { _httpMessage: current } = socket as { _httpMessage?: Partial<LoggedResponse> };
  if (error.code === "ECONNRESET" || !socket.writable || current?.headersSent) {
    socket.destroy(error);
    return undefined;
  }
  const facts = current?.facts ?? new RequestFacts(randomUUID(), null);
  const [status, { message, code, extensions }] = FAULTS[error.code ?? ""] ?? MALFORMED;
  const body = JSON.stringify({ errors: [{ message, extensions: { ...extensions, requestId: facts.id } }] });
  facts.status = Number.parseInt(status, 10);
  facts.bytes = Buffer.byteLength(body);
  facts.addCode(code);
  const lines = Object.entries({
    ...headers,
    "x-request-id": facts.id,
    "content-length": String(facts.bytes),
    connection: "close",
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status}\r\n${lines.join("")}\r\n${body}`);
  return facts;
}
