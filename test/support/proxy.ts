/** A way to the test database that can freeze, and that holds back what asks to cancel a statement or to begin a connection. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { inject } from "vitest";

const CANCEL_REQUEST = 80_877_102;

/** @param onStart answers the first message of a connection in the server's stead, or not */
export async function openProxy(onStart: (message: Buffer) => Buffer | undefined = () => undefined) {
  const { path, username, password } = inject("connection");
  const sockets: Socket[] = [];
  const state = { isFrozen: false, holdsCancels: false, cancels: 0 };
  /** Sends on the requests to cancel that are held back. */
  let held: (() => void)[] = [];
  const server = createServer((socket) => {
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
    behind.on("data", (data) => state.isFrozen || socket.write(data));
    socket.on("close", () => behind.end());
    behind.on("close", () => socket.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    state,
    connection: { host: "127.0.0.1", port, username, password },
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
