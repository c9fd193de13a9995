/** As little HTTP as Node has: JSON in, JSON out. */
import { createServer } from "node:http";

function send(response, status, body) {
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}

/** @param answer the JSON text of `data` to a request */
export function listen(answer) {
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      answer(JSON.parse(body)).then(
        (data) => send(response, 200, `{"data":${data}}`),
        (error) => send(response, 500, JSON.stringify({ errors: [{ message: String(error) }] })),
      );
    });
  });
  server.listen(0, "127.0.0.1", () => console.log(`listens on http://127.0.0.1:${server.address().port}/graphql`));
  // By itself, so that a profile of it is written.
  process.once("SIGTERM", () => process.exit());
}
