/** Stops an HTTP server without losing a request: it answers for a grace period, then stops listening and closes idle connections. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { Server as NetServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** Connections that are still open then are cut. */
const DRAIN_TIMEOUT_MS = 10_000;

interface Draining {
  /** Whether each connection closes after its current request. */
  readonly isStopping: boolean;
  /**
   * @param graceMs how long new requests are still accepted
   * @param hurry ends all waiting once it is aborted
   * @param closeUpgraded closes the connections that speak HTTP no more
   */
  stop(graceMs: number, hurry: AbortSignal | undefined, closeUpgraded: () => void): Promise<void>;
}

/** The activity of a connection. */
interface Activity {
  /** Requests that are not answered yet. */
  underWay: number;
  lastAtMs: number;
}

export function createDraining(server: Server): Draining {
  const activities = new Map<Socket, Activity>();
  let isStopping = false;
  let hasClosed = false;

  server.on("connection", (socket: Socket) => {
    activities.set(socket, { underWay: 0, lastAtMs: performance.now() });
    socket.once("close", () => activities.delete(socket));
  });
  const count = ({ socket }: IncomingMessage, response: ServerResponse) => {
    const activity = activities.get(socket);
    if (!activity) return;
    activity.underWay += 1;
    response.once("close", () => {
      activity.underWay -= 1;
      activity.lastAtMs = performance.now();
      // Its response was written before the stop began, and so told the client that the connection stays open.
      if (hasClosed && activity.underWay === 0) socket.end();
    });
  };
  server.on("request", count);
  server.on("upgrade", ({ socket }) => activities.delete(socket));
  server.on("checkExpectation", count);

  /** Closes connections that have been idle since a moment. One that was active later may have sent a request that is not read yet. */
  function closeIdleSince(atMs: number): void {
    for (const [socket, { underWay, lastAtMs }] of activities) if (underWay === 0 && lastAtMs < atMs) socket.destroy();
  }

  return {
    get isStopping() {
      return isStopping;
    },

    async stop(graceMs, hurry, closeUpgraded) {
      if (isStopping || !server.listening) return;
      isStopping = true;
      const beganMs = performance.now();
      if (graceMs > 0) await delay(graceMs, undefined, { signal: hurry }).catch(() => undefined);
      // The `close` of HTTP servers would also close connections whose request has arrived but is not read.
      const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
      closeUpgraded();
      // Requests that have arrived are read first.
      for (let turns = 0; turns < 2; turns++) await new Promise((resolve) => setImmediate(resolve));
      hasClosed = true;
      closeIdleSince(beganMs);
      const cut = () => server.closeAllConnections();
      const late = setTimeout(cut, DRAIN_TIMEOUT_MS);
      if (hurry?.aborted) cut();
      hurry?.addEventListener("abort", cut, { once: true });
      await closed;
      // Now it closes nobody, and ends the timer that looks for slow requests: that would keep all that answers in memory.
      server.close();
      clearTimeout(late);
      hurry?.removeEventListener("abort", cut);
    },
  };
}
