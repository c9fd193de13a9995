/** The HTTP host: it routes requests and adds request ids, CORS, security headers, compression and time-outs. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import cors from "cors";
import type { Config } from "../config.js";
import { asAppError, badUserInput, unusableRequestError } from "../errors.js";
import { formatFieldError } from "../graphql/format-error.js";
import type { Graphql } from "../graphql/graphql.js";
import { type GraphqlAnswer, NO_CONTENT_POLICY } from "../graphql/graphql-answer.js";
import { REQUEST_ANSWER_TYPES, requestWantsPage } from "../graphql/graphql-request.js";
import type { Log } from "../log.js";
import type { Timings } from "../timings.js";
import { asRequest, RequestFacts } from "../values/request-facts.js";
import { type CompressedBody, compressBody } from "./compression.js";
import { answerConnectRequests } from "./connect-requests.js";
import { discardRest } from "./discard-rest.js";
import { createDraining } from "./draining.js";
import { createLandingPage } from "./landing-page.js";
import { refuseMalformed } from "./malformed-http.js";
import { originOf, requestIdOf } from "./origin.js";
import { createReadiness, type ReadinessDeps } from "./readiness.js";
import { createRequestLog, type LoggedResponse } from "./request-log.js";
import { createWebSockets } from "./websocket.js";

interface HttpOptions {
  readonly config: Pick<Config, "host" | "port" | "corsOrigins" | "trustedProxies" | "shutdownGraceMs" | "landingPage">;
  /** What readiness looks at. */
  readonly client: ReadinessDeps;
  readonly graphql: Pick<Graphql, "answer" | "answerSandbox" | "contextOf" | "formatError" | "live">;
  readonly version: object;
  /** The numbers of records that wait for the database and that are lost, and whether replicas count requests together. */
  readonly records: { state(): object };
  readonly apiLimit: { state(): object };
  readonly log: Log;
  readonly timings: Timings;
  /** Is called when a stop begins. */
  readonly onStop: () => void;
}

/** A request for a route. */
interface RoutedRequest {
  readonly request: IncomingMessage;
  readonly response: LoggedResponse;
  /** The query string with its question mark. */
  readonly search: string;
  readonly facts: RequestFacts;
}

interface Route {
  /** GET and HEAD unless given. */
  readonly methods?: readonly string[];
  /** Whether the list of paths in a 404 leaves it out. */
  readonly isHidden?: boolean;
  readonly serve: (routed: RoutedRequest) => void | Promise<void>;
}

/** What a browser's page may send: credentials, and what clients and tracing libraries add by themselves. */
const CROSS_ORIGIN_HEADERS = [
  ...["authorization", "content-type", "x-api-key", "x-request-id"],
  ...["apollo-require-preflight", "apollographql-client-name", "apollographql-client-version"],
  ...["x-apollo-operation-name", "traceparent", "tracestate", "baggage", "sentry-trace"],
] as const;

/** Node would refuse a request without a host in a form of its own, and in silence. */
const SERVER_OPTIONS = { requestTimeout: 30_000, headersTimeout: 10_000, requireHostHeader: false };
/** Node's code for a connection that ends in the middle of a request. */
const UNFINISHED = "HPE_INVALID_EOF_STATE";

const SECURITY_HEADERS = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
  "strict-transport-security": "max-age=31536000; includeSubDomains",
};

const JSON_TYPE = { "content-type": REQUEST_ANSWER_TYPES[0] };
const ENDPOINT = "/graphql";

export function createHttpServer(options: HttpOptions) {
  const { config, client, graphql, version, records, apiLimit, log, timings, onStop } = options;
  const readiness = createReadiness(client);
  const requestLog = createRequestLog(log);
  const live = graphql.live((facts) => requestLog.write(facts, false));
  const sockets = createWebSockets({ config, path: ENDPOINT, live, timings, log });
  const landing = createLandingPage(config.landingPage, graphql);
  const allowOrigins = cors({
    origin: [...config.corsOrigins],
    methods: ["GET", "POST"],
    allowedHeaders: [...CROSS_ORIGIN_HEADERS],
    exposedHeaders: ["x-request-id", "retry-after", "ratelimit", "ratelimit-policy"],
    maxAge: 600,
  });

  function write(
    response: LoggedResponse,
    status: number,
    headers: Readonly<Record<string, string>>,
    { bytes, length }: CompressedBody,
  ): void {
    // A connection that stays alive would hold up the stop.
    if (draining.isStopping) response.shouldKeepAlive = false;
    const { facts } = response;
    facts.status = status;
    facts.bytes = facts.method === "HEAD" ? 0 : length;
    // All headers are set in one call, because Node would check and join headers that were set before again.
    response.writeHead(status, {
      ...SECURITY_HEADERS,
      ...headers,
      "x-request-id": facts.id,
      "content-length": length,
    });
    response.end(bytes);
  }

  /** Returns no promise where nothing is compressed, which saves time. */
  function send(response: LoggedResponse, { status, headers, body }: GraphqlAnswer): void | Promise<void> {
    const finish = (encoded: CompressedBody) => {
      if (!encoded.headers) return write(response, status, headers, encoded);
      const vary = [response.getHeader("vary"), encoded.headers.vary].filter(Boolean).join(", ");
      write(response, status, { ...headers, ...encoded.headers, vary }, encoded);
    };
    const encoded = compressBody(body, response.req.headers["accept-encoding"]);
    return "then" in encoded ? encoded.then(finish) : finish(encoded);
  }
  const sendJson = (response: LoggedResponse, status: number, body: object) =>
    send(response, { status, headers: { ...NO_CONTENT_POLICY, ...JSON_TYPE }, body: JSON.stringify(body) });

  const ROUTES: Record<string, Route> = {
    [ENDPOINT]: {
      methods: ["GET", "POST"],
      async serve({ request, response, search, facts }) {
        sockets.requireNone(request);
        // A request for the page gets only the page. An operation in it must not run, because nothing has checked it.
        if (landing && requestWantsPage(request)) return send(response, await landing.page());
        const contextOf = () => graphql.contextOf(request, originOf(request, facts.id, config.trustedProxies));
        return send(response, await graphql.answer(facts, request, response, search, contextOf));
      },
    },
    "/health/live": { serve: ({ response }) => sendJson(response, 200, { status: "live" }) },
    "/health/ready": {
      serve({ response }) {
        const report = { ...readiness.report(), ...apiLimit.state(), records: records.state() };
        return sendJson(response, report.status === "ready" ? 200 : 503, report);
      },
    },
    "/version": { serve: ({ response }) => sendJson(response, 200, version) },
    "/": {
      isHidden: true,
      serve: ({ response }) => send(response, { status: 307, headers: { location: ENDPOINT }, body: "" }),
    },
  };
  for (const [path, file] of landing?.files ?? []) {
    ROUTES[path] = { isHidden: true, serve: async ({ response }) => send(response, await file()) };
  }
  const PATHS = Object.keys(ROUTES).filter((path) => !ROUTES[path]?.isHidden);
  const NOWHERE: Route = {
    serve: ({ response }) => sendJson(response, 404, { status: "not found", paths: PATHS }),
  };

  async function route(request: IncomingMessage, response: LoggedResponse, facts: RequestFacts): Promise<void> {
    const url = request.url ?? "/";
    const end = url.indexOf("?");
    const [path, search] = end < 0 ? [url, ""] : [url.slice(0, end), url.slice(end)];
    const found = Object.hasOwn(ROUTES, path) ? ROUTES[path] : undefined;
    if (found) facts.route = path;
    const { methods = ["GET", "HEAD"], serve } = found ?? NOWHERE;
    if (request.headers.host === undefined && request.httpVersion === "1.1") {
      throw badUserInput("host", "Send the header `host`.");
    }
    if (!methods.includes(request.method ?? "")) {
      response.setHeader("allow", methods.join(", "));
      throw unusableRequestError(405, "method", `Use one of these methods: ${methods.join(", ")}.`);
    }
    return serve({ request, response, search, facts });
  }

  /** Answers a fault outside Apollo in the form of GraphQL errors. */
  async function fail(request: IncomingMessage, response: LoggedResponse, thrown: unknown): Promise<void> {
    // The client has gone, so there is nobody to answer and no fault of ours.
    if (request.destroyed && !request.complete) return;
    const error = asAppError(thrown);
    // Errors of an answer that is not sent do not count.
    response.facts.code = null;
    const formatted = graphql.formatError({ message: error.message }, formatFieldError(error, []));
    discardRest(request);
    if (response.headersSent) response.destroy();
    else await sendJson(response, error.httpStatus, { errors: [formatted] });
  }

  const answer = (request: IncomingMessage, created: ServerResponse) => {
    const facts = new RequestFacts(requestIdOf(request), request.method ?? null);
    const response: LoggedResponse = Object.assign(created, { facts });
    const done = requestLog.follow(request, response);
    const serve = () => {
      asRequest(facts, () => {
        const failed = (error: unknown) => fail(request, response, error).catch(() => response.destroy());
        route(request, response, facts).then(done, (error) => failed(error).then(done));
      });
    };
    // Only browsers send an origin, and other clients need no CORS headers.
    if (request.headers.origin === undefined) serve();
    else allowOrigins(request as never, response as never, serve);
    // A question of a browser about other origins is answered by now.
    if (response.writableEnded) done();
  };
  const server: Server = createServer({ ...SERVER_OPTIONS, shouldUpgradeCallback: sockets.accepts }, answer);
  sockets.serve(server);
  // An unknown `Expect` header is ignored. Node would refuse it without a body.
  server.on("checkExpectation", answer);
  answerConnectRequests(server);
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    const facts = refuseMalformed(error, socket as Socket, { ...SECURITY_HEADERS, ...NO_CONTENT_POLICY, ...JSON_TYPE });
    if (facts) requestLog.write(facts, error.code === UNFINISHED);
  });
  server.keepAliveTimeout = 65_000;
  const draining = createDraining(server);

  return {
    /** Probes the database, and listens. @throws when the port is taken */
    async start(): Promise<void> {
      await readiness.start();
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(config.port, config.host, () => {
          server.off("error", reject);
          resolve();
        });
      });
    },

    /** @returns the address on which it listens */
    url(): string {
      const { address, port, family } = server.address() as AddressInfo;
      return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
    },

    /** Reports that it is stopping, answers requests for the grace period, and then closes. */
    async stop(hurry?: AbortSignal): Promise<void> {
      readiness.stop();
      onStop();
      await draining.stop(config.shutdownGraceMs, hurry, () => sockets.close(hurry));
    },
  };
}
