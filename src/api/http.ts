/** The HTTP host: routes, body limit, CORS list, request ids, security headers, time-outs, and a stop that drains. */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, isIP, type Socket } from "node:net";
import { type ApolloServer, HeaderMap } from "@apollo/server";
import cors from "cors";
import type { Origin } from "../auth/call.js";
import { AppError, badUserInput, HTTP_STATUS, internal, limitExceeded } from "../errors.js";
import type { RequestContext } from "./context.js";
import { type DirectAnswer, stringifyResult } from "./direct-answer.js";
import { fieldError, requestIds, statusOf } from "./format-error.js";
import { JSON_TYPE } from "./known-documents.js";
import { parseJson } from "./long-numbers.js";

export interface HttpOptions {
  readonly apollo: ApolloServer<RequestContext>;
  /** Answers what needs no Apollo: the body of a POST request, its header `accept`; null where it does. */
  readonly answerKnown: (
    body: unknown,
    accept: string | undefined,
    context: RequestContext,
  ) => Promise<DirectAnswer | null>;
  /** Records what was refused to a request. */
  readonly recordRefusals: (context: RequestContext) => Promise<void>;
  readonly contextOf: (request: IncomingMessage, origin: Origin) => Promise<RequestContext>;
  readonly formatError: (formatted: { message: string }, error: unknown) => object;
  /** Resolves when the database answers. */
  readonly ping: (timeoutMs: number) => Promise<void>;
  /** Records that wait for the database, and those that are lost. */
  readonly records: () => object;
  readonly bodyBytes: number;
  readonly corsOrigins: readonly string[];
  /** Proxies in front that append to X-Forwarded-For. */
  readonly trustedProxies: number;
}

const READY_TIMEOUT_MS = 150;
const REQUEST_TIMEOUT_MS = 30_000;
const DRAIN_TIMEOUT_MS = 10_000;
/** What a refused body may still send before the connection is cut; cutting at once would lose the answer. */
const MAX_DISCARDED_BYTES = 16 * 1_048_576;

const SECURITY_HEADERS = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
  "strict-transport-security": "max-age=31536000; includeSubDomains",
};
const NO_CONTENT_POLICY = { "content-security-policy": "default-src 'none'; frame-ancestors 'none'" };

const REQUEST_ID = /^[A-Za-z0-9._-]{1,36}$/;

/** Reads the whole body. @throws LIMIT_EXCEEDED as soon as it is known to be too large */
function readBody(request: IncomingMessage, limit: number): Promise<string> {
  const tooLarge = () => limitExceeded("body", `Send at most ${limit} bytes.`);
  return new Promise((resolve, reject) => {
    if (Number(request.headers["content-length"]) > limit) return reject(tooLarge());
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit) reject(tooLarge());
      else chunks.push(chunk);
    });
    request.on("end", () => resolve(chunks.length === 1 ? String(chunks[0]) : Buffer.concat(chunks).toString()));
    request.on("error", reject);
  });
}

function discardRest(request: IncomingMessage): void {
  let discarded = 0;
  request.removeAllListeners("data");
  request.on("data", (chunk: Buffer) => {
    discarded += chunk.length;
    if (discarded > MAX_DISCARDED_BYTES) request.destroy();
  });
}

function parseBody(request: IncomingMessage, text: string): unknown {
  if (!/^application\/([\w.+-]+\+)?json\b/i.test(request.headers["content-type"] ?? "")) return undefined;
  try {
    return parseJson(text);
  } catch {
    throw badUserInput("body", "Send a JSON object with `query` and, if needed, `variables` and `operationName`.");
  }
}

/** What Apollo looks at: what is sent, what is wanted, and what a browser cannot send without asking first. */
const READ_HEADERS = ["content-type", "accept", "apollo-require-preflight", "x-apollo-operation-name"] as const;

function headersOf({ headers: given }: IncomingMessage): HeaderMap {
  const headers = new HeaderMap();
  for (const name of READ_HEADERS) {
    const value = given[name];
    if (value !== undefined) headers.set(name, String(value));
  }
  return headers;
}

export function createHttpServer(options: HttpOptions) {
  const { apollo, answerKnown, recordRefusals, contextOf, formatError, ping, records } = options;
  const { bodyBytes, corsOrigins, trustedProxies } = options;
  const allowOrigins = cors({
    origin: [...corsOrigins],
    methods: ["GET", "POST"],
    allowedHeaders: ["authorization", "content-type", "apollo-require-preflight", "x-request-id"],
    exposedHeaders: ["x-request-id", "retry-after"],
    maxAge: 600,
  });

  function send(response: ServerResponse, status: number, headers: Record<string, string>, body: string): void {
    // Kept alive, the connection would hold up the stop.
    if (!server.listening) response.shouldKeepAlive = false;
    const requestId = requestIds.getStore() ?? "";
    const length = Buffer.byteLength(body);
    // At once: Node checks and joins headers that are set one by one a second time.
    response.writeHead(status, {
      ...SECURITY_HEADERS,
      ...headers,
      "x-request-id": requestId,
      "content-length": length,
    });
    response.end(body);
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

  async function serveGraphql(request: IncomingMessage, response: ServerResponse, search: string, requestId: string) {
    const text = request.method === "POST" ? await readBody(request, bodyBytes) : "";
    const body = parseBody(request, text);
    const context = await contextOf(request, originOf(request, requestId));
    const known = body === undefined ? null : await answerKnown(body, request.headers.accept, context);
    if (known) {
      await recordRefusals(context);
      const { data, errors } = known;
      const status = (errors && statusOf(data as Record<string, null>, errors)) ?? 200;
      return send(response, status, { ...NO_CONTENT_POLICY, ...JSON_TYPE }, stringifyResult(known));
    }
    const answer = await apollo.executeHTTPGraphQLRequest({
      httpGraphQLRequest: { method: request.method ?? "GET", headers: headersOf(request), search, body },
      context: async () => context,
    });
    await recordRefusals(context);
    if (answer.body.kind !== "complete") throw new Error("incremental delivery is not enabled");
    const headers = Object.fromEntries(answer.headers);
    const isPage = headers["content-type"]?.startsWith("text/html");
    send(response, answer.status ?? 200, isPage ? headers : { ...NO_CONTENT_POLICY, ...headers }, answer.body.string);
  }

  async function serveReadiness(response: ServerResponse) {
    const database = await ping(READY_TIMEOUT_MS).then(
      () => "up",
      () => "down",
    );
    const status = database === "up" ? "ready" : "not ready";
    sendJson(response, database === "up" ? 200 : 503, { status, database, records: records() });
  }

  async function route(request: IncomingMessage, response: ServerResponse, requestId: string): Promise<void> {
    const url = request.url ?? "/";
    const end = url.indexOf("?");
    const [path, search] = end < 0 ? [url, ""] : [url.slice(0, end), url.slice(end)];
    const methods = path === "/graphql" ? ["GET", "POST"] : ["GET", "HEAD"];
    if (!methods.includes(request.method ?? "")) {
      response.setHeader("allow", methods.join(", "));
      return sendJson(response, 405, { status: "method not allowed" });
    }
    if (path === "/graphql") return serveGraphql(request, response, search, requestId);
    if (path === "/health/live") return sendJson(response, 200, { status: "live" });
    if (path === "/health/ready") return serveReadiness(response);
    if (path === "/") return send(response, 307, { location: "/graphql" }, "");
    sendJson(response, 404, { status: "not found", paths: ["/graphql", "/health/live", "/health/ready"] });
  }

  /** Whatever goes wrong outside Apollo answers in the same form. */
  function fail(request: IncomingMessage, response: ServerResponse, thrown: unknown): void {
    // The client has gone: nobody is left to answer, and nothing is wrong here.
    if (request.destroyed && !request.complete) return;
    const error = thrown instanceof AppError ? thrown : internal(thrown);
    const formatted = formatError({ message: error.message }, fieldError(error, []));
    if (response.headersSent) response.destroy();
    else sendJson(response, HTTP_STATUS[error.code], { errors: [formatted] });
    discardRest(request);
  }

  const server: Server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: 10_000 },
    (request, response) => {
      silent.delete(request.socket);
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
    },
  );
  server.keepAliveTimeout = 65_000;

  /** Connections that have asked nothing yet, such as browsers open in advance: Node does not count them as idle. */
  const silent = new Set<Socket>();
  server.on("connection", (socket) => {
    silent.add(socket);
    socket.once("close", () => silent.delete(socket));
  });

  return {
    /** @returns the address it listens on @throws when the port is taken */
    listen(port: number, host: string): Promise<AddressInfo> {
      return new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, host, () => {
          server.off("error", reject);
          resolve(server.address() as AddressInfo);
        });
      });
    },

    /** Takes no new requests, lets those under way end, and cuts what takes too long. */
    stop(): Promise<void> {
      if (!server.listening) return Promise.resolve();
      return new Promise((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), DRAIN_TIMEOUT_MS);
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
        server.closeIdleConnections();
        for (const socket of silent) socket.destroy();
      });
    },
  };
}
