/** The WebSockets of the HTTP server, at the address of the GraphQL endpoint. */
import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
import { handleProtocols } from "graphql-ws";
import { WebSocket, WebSocketServer } from "ws";
import type { Config } from "../config.js";
import { type AppError, forbidden, unavailable } from "../errors.js";
import type { LiveConnections, LiveSocket } from "../graphql/live/live-connections.js";
import type { Log } from "../log.js";
import type { Timings } from "../timings.js";
import { RequestFacts } from "../values/request-facts.js";
import { originOf, requestIdOf } from "./origin.js";

/** A document and texts in filters have 64 KiB each. */
const MAX_MESSAGE_BYTES = 262_144;
/** What may be unread while more is read for a client. One read adds at most a message of 1 MiB for each subscription that reads. */
const MAX_UNREAD_BYTES = 262_144;
const MAX_SENT_BYTES = 8 * 1_048_576;
/** What a client may send between two pings of ours, where each message and each ping counts as a KiB more than it has. */
const MAX_RECEIVED_BYTES = 4 * 1_048_576;
const RECEIPT_BYTES = 1024;
/** How long a client may take to agree to a close. */
const CLOSE_MS = 2000;
/** The reason of a close has at most so many bytes. */
const MAX_REASON_BYTES = 123;
/** The close codes of what is no message of the protocol, of a fault of ours, of a stop, and of what the server does not put up with. */
const [BAD_REQUEST, FAULT, GOING_AWAY, POLICY_VIOLATION] = [4400, 4500, 1001, 1008];
const PONG = JSON.stringify({ type: "pong" });
const SWITCHING_PROTOCOLS = 101;

interface WebSocketsDeps {
  readonly config: Pick<Config, "corsOrigins" | "trustedProxies">;
  /** The path of the endpoint. */
  readonly path: string;
  readonly live: LiveConnections;
  readonly timings: Pick<Timings, "livePingMs" | "liveSlowMs">;
  readonly log: Log;
}

const isHandshake = ({ method, headers }: IncomingMessage) =>
  method === "GET" && headers.upgrade?.toLowerCase() === "websocket";

/**
 * Makes the WebSockets. It decides who may open one, and guards what they cost:
 *
 *     the page of a browser that may not call   an ordinary answer, 403: no cookie signs anybody in, but a page has no business here
 *     too many connections                      503
 *     a message that is too long                closed, 1009
 *     too many messages or pings                closed, 1008: they are no requests, and so have no other limit
 *     a client that reads too slowly            cut off: nothing more is read for it before it has taken most of what was sent
 *     a client that is gone without a word      cut off: it answers no ping
 *     Postern stops                             closed, 1001, with which clients connect again
 *
 * Node hands it only the requests that it accepts. All others are answered like any request, and so are logged like any.
 */
export function createWebSockets({ config, path, live, timings, log }: WebSocketsDeps) {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
    // A client that pings without reading must not fill the memory.
    autoPong: false,
    handleProtocols,
    // The types do not know it.
    ...{ closeTimeout: CLOSE_MS },
  });
  /** The sockets that have not answered the last ping. */
  const silent = new WeakSet<WebSocket>();
  /** How much each socket has sent since the last ping. */
  let received = new WeakMap<WebSocket, number>();
  let pinging: NodeJS.Timeout | undefined;

  /** Whether a page of this origin may call: one of this address, or one that CORS lets call. */
  function mayCall({ headers: { origin, host } }: IncomingMessage): boolean {
    if (origin === undefined) return true;
    if (URL.canParse(origin) && new URL(origin).host === host) return true;
    return config.corsOrigins.some((each) => (typeof each === "string" ? each === origin : each.test(origin)));
  }

  /** @returns why a handshake at the endpoint is refused */
  function refusalOf(request: IncomingMessage): AppError | undefined {
    if (!mayCall(request))
      return forbidden("origin", "Pages of this origin may not call: CORS_ORIGINS names those that may.");
    return live.hasRoom(originOf(request, "", config.trustedProxies).ipAddress ?? "")
      ? undefined
      : unavailable("Postern");
  }

  /** Counts what a client has sent. @returns whether it is looked at */
  function take(socket: WebSocket, bytes: number): boolean {
    const sum = (received.get(socket) ?? 0) + bytes + RECEIPT_BYTES;
    received.set(socket, sum);
    if (sum > MAX_RECEIVED_BYTES) socket.close(POLICY_VIOLATION, "Too many messages at a time.");
    // A socket that is closing still hands over what comes.
    return socket.readyState === WebSocket.OPEN;
  }

  function ping(): void {
    received = new WeakMap();
    for (const socket of server.clients) {
      if (silent.has(socket)) {
        socket.terminate();
        continue;
      }
      silent.add(socket);
      socket.ping();
    }
  }

  /** @returns the socket as subscriptions use it */
  function liveSocketOf(socket: WebSocket, stream: Socket, request: IncomingMessage, facts: RequestFacts): LiveSocket {
    let message = "";
    const isOpen = () => socket.readyState === WebSocket.OPEN;
    const isBehind = () => isOpen() && socket.bufferedAmount > MAX_UNREAD_BYTES;
    let draining: Promise<void> | undefined;

    /** Waits until all is sent, and cuts off whom that takes too long. */
    const drained = () =>
      new Promise<void>((resolve) => {
        const late = setTimeout(() => {
          log.info(
            { requestId: facts.id, unread: socket.bufferedAmount },
            "a subscriber that reads too slowly is cut off",
          );
          socket.terminate();
        }, timings.liveSlowMs).unref();
        const done = () => {
          clearTimeout(late);
          stream.off("drain", done).off("close", done);
          draining = undefined;
          resolve();
        };
        stream.once("drain", done).once("close", done);
      });

    return {
      protocol: socket.protocol,
      origin: originOf(request, facts.id, config.trustedProxies),
      facts,
      message: () => message,
      isOpen,
      isBehind,
      async untilRead() {
        while (isBehind()) {
          draining ??= drained();
          await draining;
        }
      },
      send(text) {
        if (!isOpen()) return;
        if (socket.bufferedAmount > MAX_SENT_BYTES) socket.terminate();
        else socket.send(text);
      },
      // What a ping brings is not sent back, so that nobody fills the memory by pings without reading.
      onPing: () => (isBehind() ? undefined : socket.send(PONG)),
      close: (code, reason = "") => socket.close(code, Buffer.from(reason).subarray(0, MAX_REASON_BYTES)),
      onMessage(handle) {
        socket.on("message", (data: Buffer, isBinary) => {
          if (!take(socket, data.length)) return;
          // The decoder of ws has refused what is no UTF-8.
          message = isBinary ? "" : String(data);
          handle(message).catch((error: Error) => {
            const isTheirs = error.message.startsWith("Unexpected message");
            if (!isTheirs) log.error({ err: error, requestId: facts.id }, "internal error");
            socket.close(isTheirs ? BAD_REQUEST : FAULT, isTheirs ? "Clients send no such message" : "Internal error");
          });
          message = "";
        });
      },
    };
  }

  function opened(socket: WebSocket, stream: Socket, request: IncomingMessage): void {
    const facts = new RequestFacts(requestIdOf(request), "GET");
    facts.route = path;
    facts.status = SWITCHING_PROTOCOLS;
    const closed = live.serve(liveSocketOf(socket, stream, request, facts));
    pinging ??= setInterval(ping, timings.livePingMs).unref();
    socket
      // What the client broke off or sent wrongly, ws answers with a close.
      .on("error", () => undefined)
      .on("pong", () => silent.delete(socket))
      .on("ping", (data) => take(socket, data.length) && socket.bufferedAmount <= MAX_UNREAD_BYTES && socket.pong(data))
      .on("close", (code, reason) => {
        if (server.clients.size === 0) {
          clearInterval(pinging);
          pinging = undefined;
        }
        closed(code, String(reason)).catch((err) =>
          log.error({ err, requestId: facts.id }, "a subscription did not end"),
        );
      });
  }

  const accepts = (request: IncomingMessage): boolean =>
    isHandshake(request) && request.url?.split("?", 1)[0] === path && refusalOf(request) === undefined;

  return {
    /** Whether a request becomes a WebSocket. */
    accepts,

    /** @throws FORBIDDEN, UNAVAILABLE for a handshake that is not accepted */
    requireNone(request: IncomingMessage): void {
      const refusal = isHandshake(request) && refusalOf(request);
      if (refusal) throw refusal;
    },

    /** Opens the WebSockets that it accepts. */
    serve(http: Server): void {
      http.on("upgrade", (request, stream, head) => {
        // A Node before 24.9 hands it all of them.
        if (!accepts(request)) return void stream.destroy();
        server.handleUpgrade(request, stream, head, (socket) => opened(socket, stream as Socket, request));
      });
    },

    /** Closes all, and cuts off those whose clients do not agree soon. */
    close(hurry: AbortSignal | undefined): void {
      const cut = () => {
        for (const socket of server.clients) socket.terminate();
      };
      for (const socket of server.clients) socket.close(GOING_AWAY, "Postern stops: connect again.");
      setTimeout(cut, CLOSE_MS).unref();
      if (hurry?.aborted) cut();
      hurry?.addEventListener("abort", cut, { once: true });
    },
  };
}
