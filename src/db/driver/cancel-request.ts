/** PostgreSQL's CancelRequest: it asks the server, on a new connection, to stop what runs on another one. */
import { connect, isIP, type NetConnectOpts, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";

/**
 * Example: connection 7 (pid 4711, secret 99) has sent S1, S2 and S3, and S1 must stop.
 *  - A cancel request names no statement, only the backend: 16 bytes [16, 80877102, 4711, 99], on a socket of its own. The server
 *    stops whatever that backend runs when its signal arrives: S1, or S2 where S1 has just ended.
 *  - So before the request S1, S2 and S3 are marked `mayBeHit`, and connection 7 takes nothing new until the server has closed the
 *    request's socket: from then on the signal is out, and cannot hit what comes later.
 *  - S2 fails with 57014: it is marked, and somebody wants it, so it is sent again. S1 fails with 57014: nobody wants it any more.
 *  - S1 still runs 150 ms later (the signal came before it began): the request is repeated.
 */

/** What the server told a connection, so that it can be cancelled. */
export interface BackendToCancel {
  readonly pid: number;
  readonly secret: number;
}

/** The driver's options of a server, as it has parsed them. */
export interface ServerToCancelOn {
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly path?: string | false | undefined;
  readonly ssl?: unknown;
  readonly sslnegotiation?: unknown;
}

const CANCEL_REQUEST = 80_877_102;
const SSL_REQUEST = 80_877_103;
const TIMEOUT_MS = 5000;

function message(...words: number[]): Buffer {
  const bytes = Buffer.alloc(4 * (words.length + 1));
  [bytes.length, ...words].forEach((word, index) => {
    bytes.writeUInt32BE(word, 4 * index);
  });
  return bytes;
}

/** Reads the TLS options as the driver does. */
function secure(socket: Socket, host: string, { ssl, sslnegotiation }: ServerToCancelOn): Socket {
  const options: ConnectionOptions = { socket, ...(isIP(host) === 0 && { servername: host }) };
  if (sslnegotiation === "direct") options.ALPNProtocols = ["postgresql"];
  if (ssl === "require" || ssl === "allow" || ssl === "prefer") options.rejectUnauthorized = false;
  else if (typeof ssl === "object") Object.assign(options, ssl);
  return connectTls(options);
}

function ask(target: NetConnectOpts, host: string, server: ServerToCancelOn, request: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(target);
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error("The server did not take a cancel request in time.")));
    /** The server answers nothing, but closes the connection when it has sent its signal. */
    const send = (stream: Socket) => {
      stream.on("error", reject);
      stream.once("close", () => resolve());
      stream.resume();
      stream.write(request);
    };
    socket.on("error", reject);
    socket.once("connect", () => {
      if (!server.ssl) send(socket);
      else if (server.sslnegotiation === "direct") send(secure(socket, host, server));
      else {
        const unanswered = () => reject(new Error("The server closed the connection of a cancel request."));
        socket.once("close", unanswered);
        socket.once("data", ([answer]) => {
          // This socket closes before the TLS stream over it, so only that one counts now.
          socket.off("close", unanswered);
          if (answer === "S".charCodeAt(0)) send(secure(socket, host, server));
          else if (server.ssl === "prefer") send(socket);
          else socket.destroy(new Error("The server takes no TLS."));
        });
        socket.write(message(SSL_REQUEST));
      }
    });
  });
}

/**
 * Resolves when the server has sent its signal, which cannot stop what is sent to the backend afterwards.
 * @throws when no server takes the request in time
 */
export async function requestCancel(server: ServerToCancelOn, { pid, secret }: BackendToCancel): Promise<void> {
  const request = message(CANCEL_REQUEST, pid, secret);
  const { host: hosts, port, path } = server;
  // The driver does not tell which of several hosts it has reached. The wrong ones do not know the secret, and do nothing.
  await Promise.any(
    path
      ? [ask({ path }, "", server, request)]
      : hosts.map((host, index) => ask({ host, port: Number(port[index]) }, host, server, request)),
  );
}
