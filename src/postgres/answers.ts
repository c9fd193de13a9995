/** Tells whether a server answers. It needs no login, so no password, pg_hba rule or crowd of clients can distort the result. */
import { access } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Postmaster } from "./postmaster.js";

/** An SSLRequest message. Every server answers it with one byte, or an error, before it asks for a login. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const RETRY_MS = 50;

/** @returns the server's Unix socket or, where somebody removed that file, its port on loopback */
export async function answeringAddress({ socketDir, port }: Pick<Postmaster, "socketDir" | "port">) {
  const path = join(socketDir, `.s.PGSQL.${port}`);
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  return isThere ? { path } : { host: "127.0.0.1", port };
}

/** @returns whether the server sends a byte in time. A refused connection is tried again until the time is over. */
export async function answersProtocol(server: Postmaster, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    if (await answersOnce(await answeringAddress(server), Math.max(1, deadline - Date.now()))) return true;
    if (Date.now() + RETRY_MS >= deadline) return false;
    await delay(RETRY_MS);
  }
}

async function answersOnce(address: Awaited<ReturnType<typeof answeringAddress>>, timeoutMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(address, () => void socket.write(SSL_REQUEST));
  const timer = setTimeout(() => resolve(false), timeoutMs);
  socket.once("data", () => resolve(true));
  for (const event of ["error", "close"]) socket.on(event, () => resolve(false));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}
