/** As little as answers a load generator: a socket that takes POST requests with a length, one after the other, and answers JSON. */
import { createServer } from "node:net";

const HEAD_END = "\r\n\r\n";
const LENGTH = /\r\ncontent-length: *(\d+)/i;

function send(socket, status, body) {
  const head = `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}`;
  socket.write(`${head}${HEAD_END}${body}`);
}

/** @returns the first request that has come whole, and what follows it; undefined where none has */
function firstRequest(bytes) {
  const end = bytes.indexOf(HEAD_END);
  if (end < 0) return undefined;
  const begin = end + HEAD_END.length;
  const length = Number(LENGTH.exec(bytes.latin1Slice(0, end))?.[1] ?? 0);
  if (bytes.length < begin + length) return undefined;
  return { body: bytes.utf8Slice(begin, begin + length), rest: bytes.subarray(begin + length) };
}

/** @param answer the JSON text of `data` to a request */
export function listenBare(answer) {
  const server = createServer({ noDelay: true }, (socket) => {
    let received = Buffer.alloc(0);
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      for (let request = firstRequest(received); request; request = firstRequest(received)) {
        received = request.rest;
        answer(JSON.parse(request.body)).then(
          (data) => send(socket, "200 OK", `{"data":${data}}`),
          (error) =>
            send(socket, "500 Internal Server Error", JSON.stringify({ errors: [{ message: String(error) }] })),
        );
      }
    });
  });
  server.listen(0, "127.0.0.1", () => console.log(`listens on http://127.0.0.1:${server.address().port}/graphql`));
  // By itself, so that a profile of it is written.
  process.once("SIGTERM", () => process.exit());
}
