/** The HTTP host: routes, CORS list, request ids, security headers, compression, time-outs, and a stop that drains. */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, isIP, type Socket } from "node:net";
import cors from "cors";
import type { Origin } from "../audit/call.js";
import { asAppError, unusableRequest } from "../errors.js";
import { fieldError, requestIds } from "../graphql/format-error.js";
import type { Graphql } from "../graphql/graphql.js";
import { NO_CONTENT_POLICY } from "../graphql/graphql-answer.js";
import { ANSWER_TYPES } from "../graphql/graphql-request.js";
import { type EncodedBody, encodeBody, type KeptBody } from "./compression.js";
import { createDraining } from "./draining.js";
import { refuseMalformed } from "./malformed-http.js";
import { createReadiness, type ReadinessDeps } from "./readiness.js";

export interface HttpOptions extends ReadinessDeps {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly graphql: Pick<Graphql, "answer" | "contextOf" | "formatError">;
  /** Which Postern this is. */
  readonly version: object;
  /** Records that wait for the database, and those that are lost. */
  readonly records: { state(): object };
  readonly corsOrigins: readonly (string | RegExp)[];
  /** Proxies in front that append to X-Forwarded-For. */
  readonly trustedProxies: number;
  /** How long requests are still answered once a stop has begun. */
  readonly shutdownGraceMs: number;
  /** Told when a stop begins. */
  readonly onStop: () => void;
}

/** A request that has found its way. */
interface Routed {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** From the question mark on. */
  readonly search: string;
  readonly requestId: string;
}

interface Route {
  readonly methods?: readonly string[];
  /** Whether others are not told of it. */
  readonly isHidden?: boolean;
  readonly serve: (routed: Routed) => void | Promise<void>;
}

/** What a browser's page may send: credentials, and what clients and tracing libraries add by themselves. */
const CROSS_ORIGIN_HEADERS = [
  ...["authorization", "content-type", "x-api-key", "x-request-id"],
  ...["apollo-require-preflight", "apollographql-client-name", "apollographql-client-version"],
  ...["x-apollo-operation-name", "traceparent", "tracestate", "baggage", "sentry-trace"],
] as const;

const REQUEST_TIMEOUT_MS = 30_000;
/** What a refused body may still send before the connection is cut; cutting at once would lose the answer. */
const MAX_DISCARDED_BYTES = 16 * 1_048_576;

const SECURITY_HEADERS = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
  "strict-transport-security": "max-age=31536000; includeSubDomains",
};

const JSON_TYPE = { "content-type": ANSWER_TYPES[0] };

const REQUEST_ID = /^[A-Za-z0-9._-]{1,36}$/;

function discardRest(request: IncomingMessage): void {
  let discarded = 0;
  request.removeAllListeners("data");
  request.on("data", (chunk: Buffer) => {
    discarded += chunk.length;
    if (discarded > MAX_DISCARDED_BYTES) request.destroy();
  });
}

export function createHttpServer(options: HttpOptions) {
  const { graphql, version, records, corsOrigins, trustedProxies } = options;
  const readiness = createReadiness(options);
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
    { bytes, length }: EncodedBody,
  ): void {
    // Kept alive, the connection would hold up the stop.
    if (draining.isStopping) response.shouldKeepAlive = false;
    const requestId = requestIds.getStore() ?? "";
    // At once: Node checks and joins headers that are set one by one a second time.
    response.writeHead(status, {
      ...SECURITY_HEADERS,
      ...headers,
      "x-request-id": requestId,
      "content-length": length,
    });
    response.end(bytes);
  }

  /** @returns at once where there is nothing to compress */
  function send(
    response: ServerResponse,
    status: number,
    headers: Readonly<Record<string, string>>,
    body: string | KeptBody,
  ): void | Promise<void> {
    const finish = (encoded: EncodedBody) => {
      if (!encoded.headers) return write(response, status, headers, encoded);
      const vary = [response.getHeader("vary"), encoded.headers.vary].filter(Boolean).join(", ");
      write(response, status, { ...headers, ...encoded.headers, vary }, encoded);
    };
    const encoded = encodeBody(body, response.req.headers["accept-encoding"]);
    return "then" in encoded ? encoded.then(finish) : finish(encoded);
  }
  const sendJson = (response: ServerResponse, status: number, body: object) =>
    send(response, status, { ...NO_CONTENT_POLICY, ...JSON_TYPE }, JSON.stringify(body));

  /** The address that the nearest trusted proxy saw; whatever else X-Forwarded-For holds, a client may have made up. */
  function originOf(request: IncomingMessage, requestId: string): Origin {
    const forwarded = trustedProxies > 0 ? request.headers["x-forwarded-for"] : undefined;
    const seen = forwarded === undefined ? undefined : String(forwarded).split(",").at(-trustedProxies)?.trim();
    const ipAddress = (seen && isIP(seen) ? seen : (request.socket.remoteAddress ?? "")).replace(/^::ffff:/, "");
    return { ipAddress, userAgent: request.headers["user-agent"] ?? null, requestId };
  }

  /** What is served where; by GET and HEAD, unless it says otherwise. */
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
      throw unusableRequest(405, "method", `Use one of these methods: ${methods.join(", ")}.`);
    }
    return serve({ request, response, search, requestId });
  }

  /** Whatever goes wrong outside Apollo answers in the same form. */
  function fail(request: IncomingMessage, response: ServerResponse, thrown: unknown): void {
    // The client has gone: nobody is left to answer, and nothing is wrong here.
    if (request.destroyed && !request.complete) return;
    const error = asAppError(thrown);
    const formatted = graphql.formatError({ message: error.message }, fieldError(error, []));
    if (response.headersSent) response.destroy();
    else Promise.resolve(sendJson(response, error.httpStatus, { errors: [formatted] })).catch(() => response.destroy());
    discardRest(request);
  }

  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const given = request.headers["x-request-id"];
    const requestId = typeof given === "string" && REQUEST_ID.test(given) ? given : randomUUID();
    const serve = () => {
      requestIds.run(requestId, () => {
        route(request, response, requestId).catch((error) => fail(request, response, error));
      });
    };
    // Only browsers tell an origin.
    if (request.headers.origin === undefined) serve();
    else allowOrigins(request as never, response as never, serve);
  };
  const server: Server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: 10_000 }, answer);
  // An expectation that nobody knows changes nothing; Node would answer it without a body.
  server.on("checkExpectation", answer);
  server.on("clientError", (error, socket) =>
    refuseMalformed(error, socket as Socket, { ...SECURITY_HEADERS, ...NO_CONTENT_POLICY, ...JSON_TYPE }),
  );
  server.keepAliveTimeout = 65_000;
  const draining = createDraining(server);

  return {
    /** Looks whether it is ready, and listens. @throws when the port is taken */
    async start(): Promise<void> {
      await readiness.start();
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(options.port, options.host, () => {
          server.off("error", reject);
          resolve();
        });
      });
    },

    /** Where it listens, once it does. */
    url(): string {
      const { address, port, family } = server.address() as AddressInfo;
      return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
    },

    /** Turns the readiness, answers for a while what still comes, and then listens no more. */
    async stop(hurry?: AbortSignal): Promise<void> {
      readiness.stop();
      options.onStop();
      await draining.stop(options.shutdownGraceMs, hurry);
    },
  };
}
