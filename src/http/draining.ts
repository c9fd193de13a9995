/** How an HTTP server stops: it is answered for a while what still comes, then it listens no more, and no request that was sent is lost. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { Server as NetServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** What is cut after this takes too long, or never asks. */
const DRAIN_TIMEOUT_MS = 10_000;

export interface Draining {
  /** Requests come and are answered, but on no connection more than the one under way. */
  readonly isStopping: boolean;
  /**
   * @param graceMs how long requests are still taken, each the last one of its connection
   * @param hurry ends the grace, and whatever else is waited for
   */
  stop(graceMs: number, hurry: AbortSignal | undefined): Promise<void>;
}

/** What a connection does. */
interface Activity {
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
      // It was told that its connection stays before anybody asked to stop.
      if (hasClosed && activity.underWay === 0) socket.end();
    });
  };
  server.on("request", count);
  server.on("checkExpectation", count);

  /** Of those that ask nothing: one that has asked since may have asked again, unread yet. */
  function closeSilentSince(atMs: number): void {
    for (const [socket, { underWay, lastAtMs }] of activities) if (underWay === 0 && lastAtMs < atMs) socket.destroy();
  }

  return {
    get isStopping() {
      return isStopping;
    },

    async stop(graceMs, hurry) {
      if (isStopping || !server.listening) return;
      isStopping = true;
      const sinceMs = performance.now();
      if (graceMs > 0) await delay(graceMs, undefined, { signal: hurry }).catch(() => undefined);
      // Not the method of HTTP servers, which closes connections whose request has come but is not read.
      const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
      // What has come is read first.
      for (let turns = 0; turns < 2; turns++) await new Promise((resolve) => setImmediate(resolve));
      hasClosed = true;
      closeSilentSince(sinceMs);
      const cut = () => server.closeAllConnections();
      const late = setTimeout(cut, DRAIN_TIMEOUT_MS);
      if (hurry?.aborted) cut();
      hurry?.addEventListener("abort", cut, { once: true });
      await closed;
      clearTimeout(late);
      hurry?.removeEventListener("abort", cut);
    },
  };
}
