/** The HTTP host: it routes requests and adds request ids, CORS, security headers, compression and time-outs. */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, isIP, type Socket } from "node:net";
import cors from "cors";
import type { CallOrigin } from "../audit/call.js";
import type { Config } from "../config.js";
import { asAppError, unusableRequestError } from "../errors.js";
import { formatFieldError, formattedErrorRequestIds } from "../graphql/format-error.js";
import type { Graphql } from "../graphql/graphql.js";
import { NO_CONTENT_POLICY } from "../graphql/graphql-answer.js";
import { REQUEST_ANSWER_TYPES } from "../graphql/graphql-request.js";
import { type CompressedBody, type CompressibleBody, compressBody } from "./compression.js";
import { createDraining } from "./draining.js";
import { refuseMalformed } from "./malformed-http.js";
import { createReadiness, type ReadinessDeps } from "./readiness.js";

interface HttpOptions {
  readonly config: Pick<Config, "host" | "port" | "corsOrigins" | "trustedProxies" | "shutdownGraceMs">;
  /** What readiness looks at. */
  readonly client: ReadinessDeps;
  readonly graphql: Pick<Graphql, "answer" | "contextOf" | "formatError">;
  /** The version of Postern. */
  readonly version: object;
  /** The numbers of records that wait for the database and that are lost. */
  readonly records: { state(): object };
  /** Is called when a stop begins. */
  readonly onStop: () => void;
}

/** A request for a route. */
interface RoutedRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The query string with its question mark. */
  readonly search: string;
  readonly requestId: string;
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

const REQUEST_TIMEOUT_MS = 30_000;
/** A client may send this much of a refused body before its connection is cut. Cutting it at once would lose the answer. */
const MAX_DISCARDED_BYTES = 16 * 1_048_576;

const SECURITY_HEADERS = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
  "strict-transport-security": "max-age=31536000; includeSubDomains",
};

const JSON_TYPE = { "content-type": REQUEST_ANSWER_TYPES[0] };

const REQUEST_ID = /^[A-Za-z0-9._-]{1,36}$/;

function discardRest(request: IncomingMessage): void {
  let discarded = 0;
  request.removeAllListeners("data");
  request.on("data", (chunk: Buffer) => {
    discarded += chunk.length;
    if (discarded > MAX_DISCARDED_BYTES) request.destroy();
  });
}

export function createHttpServer({ config, client, graphql, version, records, onStop }: HttpOptions) {
  const { corsOrigins, trustedProxies } = config;
  const readiness = createReadiness(client);
  const allowOrigins = cors({
    origin: [...corsOrigins],
    methods: ["GET", "POST"],
    allowedHeaders: [...CROSS_ORIGIN_HEADERS],
    exposedHeaders: ["x-request-id", "retry-after"],
    maxAge: 600,
  });

  function write(
    response: ServerResponse,
    status: number,
    headers: Readonly<Record<string, string>>,
    { bytes, length }: CompressedBody,
  ): void {
    // A connection that stays alive would hold up the stop.
    if (draining.isStopping) response.shouldKeepAlive = false;
    const requestId = formattedErrorRequestIds.getStore() ?? "";
    // All headers are set in one call, because Node would check and join headers that were set before again.
    response.writeHead(status, {
      ...SECURITY_HEADERS,
      ...headers,
      "x-request-id": requestId,
      "content-length": length,
    });
    response.end(bytes);
  }

  /** Returns no promise where nothing is compressed, which saves time. */
  function send(
    response: ServerResponse,
    status: number,
    headers: Readonly<Record<string, string>>,
    body: string | CompressibleBody,
  ): void | Promise<void> {
    const finish = (encoded: CompressedBody) => {
      if (!encoded.headers) return write(response, status, headers, encoded);
      const vary = [response.getHeader("vary"), encoded.headers.vary].filter(Boolean).join(", ");
      write(response, status, { ...headers, ...encoded.headers, vary }, encoded);
    };
    const encoded = compressBody(body, response.req.headers["accept-encoding"]);
    return "then" in encoded ? encoded.then(finish) : finish(encoded);
  }
  const sendJson = (response: ServerResponse, status: number, body: object) =>
    send(response, status, { ...NO_CONTENT_POLICY, ...JSON_TYPE }, JSON.stringify(body));

  /** Takes the address that the outermost trusted proxy saw. A client may have made up everything before it in X-Forwarded-For. */
  function originOf(request: IncomingMessage, requestId: string): CallOrigin {
    const forwarded = trustedProxies > 0 ? request.headers["x-forwarded-for"] : undefined;
    const client = forwarded === undefined ? undefined : String(forwarded).split(",").at(-trustedProxies)?.trim();
    const ipAddress = (client && isIP(client) ? client : (request.socket.remoteAddress ?? "")).replace(/^::ffff:/, "");
    return { ipAddress, userAgent: request.headers["user-agent"] ?? null, requestId };
  }

  const ROUTES: Readonly<Record<string, Route>> = {
    "/graphql": {
      methods: ["GET", "POST"],
      async serve({ request, response, search, requestId }) {
        const { status, headers, body } = await graphql.answer(request, response, search, () =>
          graphql.contextOf(request, originOf(request, requestId)),
        );
        return send(response, status, headers, body);
      },
    },
    "/health/live": { serve: ({ response }) => sendJson(response, 200, { status: "live" }) },
    "/health/ready": {
      serve({ response }) {
        const report = readiness.report();
        return sendJson(response, report.status === "ready" ? 200 : 503, { ...report, records: records.state() });
      },
    },
    "/version": { serve: ({ response }) => sendJson(response, 200, version) },
    "/": { isHidden: true, serve: ({ response }) => send(response, 307, { location: "/graphql" }, "") },
  };
  const PATHS = Object.keys(ROUTES).filter((path) => !ROUTES[path]?.isHidden);
  const NOWHERE: Route = {
    serve: ({ response }) => sendJson(response, 404, { status: "not found", paths: PATHS }),
  };

  async function route(request: IncomingMessage, response: ServerResponse, requestId: string): Promise<void> {
    const url = request.url ?? "/";
    const end = url.indexOf("?");
    const [path, search] = end < 0 ? [url, ""] : [url.slice(0, end), url.slice(end)];
    const { methods = ["GET", "HEAD"], serve } = (Object.hasOwn(ROUTES, path) && ROUTES[path]) || NOWHERE;
    if (!methods.includes(request.method ?? "")) {
      response.setHeader("allow", methods.join(", "));
      throw unusableRequestError(405, "method", `Use one of these methods: ${methods.join(", ")}.`);
    }
    return serve({ request, response, search, requestId });
  }

  /** Answers a fault outside Apollo in the form of GraphQL errors. */
  function fail(request: IncomingMessage, response: ServerResponse, thrown: unknown): void {
    // The client has gone, so there is nobody to answer and no fault of ours.
    if (request.destroyed && !request.complete) return;
    const error = asAppError(thrown);
    const formatted = graphql.formatError({ message: error.message }, formatFieldError(error, []));
    if (response.headersSent) response.destroy();
    else Promise.resolve(sendJson(response, error.httpStatus, { errors: [formatted] })).catch(() => response.destroy());
    discardRest(request);
  }

  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const sentId = request.headers["x-request-id"];
    const requestId = typeof sentId === "string" && REQUEST_ID.test(sentId) ? sentId : randomUUID();
    const serve = () => {
      formattedErrorRequestIds.run(requestId, () => {
        route(request, response, requestId).catch((error) => fail(request, response, error));
      });
    };
    // Only browsers send an origin, and other clients need no CORS headers.
    if (request.headers.origin === undefined) serve();
    else allowOrigins(request as never, response as never, serve);
  };
  const server: Server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: 10_000 }, answer);
  // An unknown `Expect` header is ignored. Node would refuse it without a body.
  server.on("checkExpectation", answer);
  server.on("clientError", (error, socket) =>
    refuseMalformed(error, socket as Socket, { ...SECURITY_HEADERS, ...NO_CONTENT_POLICY, ...JSON_TYPE }),
  );
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
      await draining.stop(config.shutdownGraceMs, hurry);
    },
  };
}
