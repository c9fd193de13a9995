/** PostgreSQL's CancelRequest: asks the server, on a connection of its own, to stop what runs on another. */
import { connect, isIP, type NetConnectOpts, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";

/** What the server told a connection about itself. */
export interface Backend {
  readonly pid: number;
  readonly secret: number;
}

/** As the driver has parsed them. */
export interface Server {
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

/** With the driver's meaning of its options. */
function secured(socket: Socket, host: string, { ssl, sslnegotiation }: Server): Socket {
  const options: ConnectionOptions = { socket, ...(isIP(host) === 0 && { servername: host }) };
  if (sslnegotiation === "direct") options.ALPNProtocols = ["postgresql"];
  if (ssl === "require" || ssl === "allow" || ssl === "prefer") options.rejectUnauthorized = false;
  else if (typeof ssl === "object") Object.assign(options, ssl);
  return connectTls(options);
}

function ask(target: NetConnectOpts, host: string, server: Server, request: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(target);
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error("The server did not take a cancel request in time.")));
    /** The server closes the connection once it has done what it was asked. */
    const send = (stream: Socket) => {
      stream.on("error", reject);
      stream.once("close", () => resolve());
      stream.resume();
      stream.write(request);
    };
    socket.on("error", reject);
    socket.once("connect", () => {
      if (!server.ssl) send(socket);
      else if (server.sslnegotiation === "direct") send(secured(socket, host, server));
      else {
        const unanswered = () => reject(new Error("The server closed the connection of a cancel request."));
        socket.once("close", unanswered);
        socket.once("data", ([answer]) => {
          // It closes before what is secured over it.
          socket.off("close", unanswered);
          if (answer === "S".charCodeAt(0)) send(secured(socket, host, server));
          else if (server.ssl === "prefer") send(socket);
          else socket.destroy(new Error("The server takes no TLS."));
        });
        socket.write(message(SSL_REQUEST));
      }
    });
  });
}

/**
 * @returns when the server has signalled the backend: what is sent to that afterwards is not stopped
 * @throws when no server takes the request in time
 */
export async function requestCancel(server: Server, { pid, secret }: Backend): Promise<void> {
  const request = message(CANCEL_REQUEST, pid, secret);
  const { host: hosts, port, path } = server;
  // Which of several hosts the driver has reached, it does not tell; the others know no such secret.
  await Promise.any(
    path
      ? [ask({ path }, "", server, request)]
      : hosts.map((host, index) => ask({ host, port: Number(port[index]) }, host, server, request)),
  );
}
