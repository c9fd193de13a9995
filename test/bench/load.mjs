/** The load, in a process of its own: autocannon's connections share the requests among them, again and again. */
import autocannon from "autocannon";

/** What was seen since the last "begin". */
let seen;
const reset = () => {
  seen = { sinceNs: process.hrtime.bigint(), latencies: [], bytes: 0, errors: 0, firstFault: undefined, codes: {} };
};
reset();

function fault(what) {
  seen.errors += 1;
  seen.firstFault ??= String(what).slice(0, 600);
}

const clients = [];
let open = 0;
let isStopping = false;

/**
 * @param headers of each user; the connections are shared among them in turn
 * @param mostRequests after which the connections rest, if given
 */
function start({ url, headers, bodies, connections, mostRequests }) {
  open = connections;
  const load = autocannon(
    {
      url,
      method: "POST",
      connections,
      // Until it is told to stop.
      duration: 86_400,
      timeout: 30,
      // An answer with errors is a fault whatever its status.
      verifyBody: (body) => {
        const isGood = body.startsWith('{"data":{') && !body.includes('"errors":');
        const code = isGood ? "data" : (/"code":"(\w+)"/.exec(body)?.[1] ?? "another answer");
        seen.codes[code] = (seen.codes[code] ?? 0) + 1;
        if (!isGood) fault(body);
        return true;
      },
      setupClient(client) {
        const own = bodies.filter((_, index) => index % connections === clients.length % connections);
        const ofUser = headers[clients.length % headers.length];
        client.setRequests((own.length > 0 ? own : bodies).map((body) => ({ body, headers: ofUser })));
        if (mostRequests) client.responseMax = Math.ceil(mostRequests / connections);
        clients.push(client);
        client.once("done", () => {
          open -= 1;
          if (open === 0 && isStopping) process.exit();
        });
      },
    },
    () => undefined,
  );
  load.on("response", (_client, status, bytes, milliseconds) => {
    if (status !== 200) fault(`status ${status}`);
    seen.latencies.push(milliseconds);
    seen.bytes += bytes;
  });
  load.on("reqError", fault);
}

function report() {
  const seconds = Number(process.hrtime.bigint() - seen.sinceNs) / 1e9;
  const { latencies, bytes, errors, firstFault, codes } = seen;
  reset();
  const requests = latencies.length;
  latencies.sort((a, b) => a - b);
  const at = (share) => latencies[Math.min(requests - 1, Math.floor(requests * share))] ?? 0;
  return { seconds, requests, bytes, errors, firstFault, codes, p50: at(0.5), p99: at(0.99) };
}

process.on("message", ({ kind, ...options }) => {
  if (kind === "start") start(options);
  if (kind === "begin") {
    reset();
    process.send({ kind });
  }
  if (kind === "end") process.send({ kind, ...report() });
  // Each connection waits for the answer under way and closes: what was ofUser is done when this process ends.
  if (kind === "stop") {
    isStopping = true;
    if (open === 0) process.exit();
    for (const client of clients) client.responseMax = client.reqsMade;
  }
});
process.on("disconnect", () => process.exit());
