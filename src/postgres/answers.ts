/** Whether a server speaks: asked without a login, so that no password, rule or crowd of clients stands between. */
import { access } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Postmaster } from "./postmaster.js";

/** SSLRequest: eight bytes to which every server answers one, or an error, before it asks who is there. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const RETRY_MS = 50;

/** Where the server listens: its Unix socket or, where somebody took that file away, its port on loopback. */
export async function addressOf({ socketDir, port }: Pick<Postmaster, "socketDir" | "port">) {
  const path = join(socketDir, `.s.PGSQL.${port}`);
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  return isThere ? { path } : { host: "127.0.0.1", port };
}

/** @returns whether a byte comes back within the time; a server that turns the call away at once is asked again until then */
export async function answersProtocol(server: Postmaster, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    if (await answersOnce(await addressOf(server), Math.max(1, deadline - Date.now()))) return true;
    if (Date.now() + RETRY_MS >= deadline) return false;
    await delay(RETRY_MS);
  }
}

async function answersOnce(address: Awaited<ReturnType<typeof addressOf>>, timeoutMs: number): Promise<boolean> {
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
