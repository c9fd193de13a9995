/** Answers what Node refuses as HTTP, in the form of all other errors. */
import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type AppError, limitExceeded, noRequestError, requestTooLateError } from "../errors.js";

/** The status and the error of each of Node's codes. */
const FAULTS: Readonly<Record<string, readonly [string, AppError]>> = {
  HPE_HEADER_OVERFLOW: ["431 Request Header Fields Too Large", limitExceeded("headers", "Send shorter headers.")],
  ERR_HTTP_REQUEST_TIMEOUT: ["408 Request Timeout", requestTooLateError()],
};
const MALFORMED = ["400 Bad Request", noRequestError()] as const;

/** Answers and closes the connection. Where it is lost, or an answer has begun, it is only closed. */
export function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket, headers: Record<string, string>): void {
  const { _httpMessage: current } = socket as { _httpMessage?: ServerResponse };
  if (error.code === "ECONNRESET" || !socket.writable || current?.headersSent) {
    socket.destroy(error);
    return;
  }
  const [status, { message, extensions }] = FAULTS[error.code ?? ""] ?? MALFORMED;
  const requestId = randomUUID();
  const body = JSON.stringify({ errors: [{ message, extensions: { ...extensions, requestId } }] });
  const lines = Object.entries({
    ...headers,
    "x-request-id": requestId,
    "content-length": String(Buffer.byteLength(body)),
    connection: "close",
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status}\r\n${lines.join("")}\r\n${body}`);
}
