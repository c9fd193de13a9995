/** A way to the test database, in the open or over TLS, that can freeze, and that holds back what asks to cancel a statement or to begin a connection. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { inject } from "vitest";

const CANCEL_REQUEST = 80_877_102;
const SSL_REQUEST = 80_877_103;
/** Both sides know a key, so that no certificate is needed. */
const KEYED = { ciphers: "PSK", maxVersion: "TLSv1.2" } as const;
const psk = Buffer.from("for tests only");
/** The client's side of TLS. */
const TLS = { ...KEYED, pskCallback: () => ({ psk, identity: "postern" }), checkServerIdentity: () => undefined };

/**
 * @param onStart answers the first message of a connection in the server's stead, or not
 * @param isSecure whether it wants TLS
 * @param onAnswer changes what the server says; null breaks the connection instead
 */
export async function openProxy(
  onStart: (message: Buffer) => Buffer | undefined = () => undefined,
  isSecure = false,
  onAnswer: (data: Buffer) => Buffer | null = (data) => data,
) {
  const { path, username, password } = inject("connection");
  const sockets: Socket[] = [];
  const state = { isFrozen: false, holdsCancels: false, cancels: 0 };
  /** Sends on the requests to cancel that are held back. */
  let held: (() => void)[] = [];
  function serve(socket: Socket) {
    const behind = connect(path);
    sockets.push(socket, behind);
    for (const each of [socket, behind]) each.on("error", () => undefined);
    socket.once("data", (first) => {
      const pass = () => state.isFrozen || behind.write(first);
      const answer = onStart(first);
      const isCancel = first.length === 16 && first.readInt32BE(4) === CANCEL_REQUEST;
      if (isCancel) state.cancels += 1;
      if (answer) socket.end(answer);
      else if (isCancel && state.holdsCancels) held.push(pass);
      else pass();
      socket.on("data", (data) => state.isFrozen || behind.write(data));
    });
    behind.on("data", (data) => {
      if (state.isFrozen) return;
      const answer = onAnswer(data);
      if (answer) socket.write(answer);
      else for (const each of [socket, behind]) each.destroy();
    });
    socket.on("close", () => behind.end());
    behind.on("close", () => socket.end());
  }
  const server = createServer((socket) => {
    if (!isSecure) return serve(socket);
    socket.once("data", (first) => {
      if (first.readInt32BE(4) !== SSL_REQUEST) return socket.destroy();
      socket.write("S");
      return serve(new TLSSocket(socket, { isServer: true, ...KEYED, pskCallback: () => psk } as never));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    state,
    connection: { host: "127.0.0.1", port, username, password, ...(isSecure && { ssl: TLS }) },
    release() {
      state.holdsCancels = false;
      for (const pass of held) pass();
      held = [];
    },
    /** Takes no new connections. */
    refuse: () => server.close(),
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
