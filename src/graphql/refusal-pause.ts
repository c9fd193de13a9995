/** Makes refusals of the rate wait, because even refusals could keep the process busy. */
import type { ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

/** Refusals of one user or address that may wait at a time. Those beyond them are sent at once, and close their connections. */
const MAX_PAUSES = 500;

/** @returns a function that waits, or until the client has gone; `key` names the user or address */
export function createRefusalPause(pauseMs: number) {
  const pauses = new Map<string, number>();

  return async (key: string, response: ServerResponse): Promise<void> => {
    const count = pauses.get(key) ?? 0;
    if (count >= MAX_PAUSES) {
      response.setHeader("connection", "close");
      return;
    }
    pauses.set(key, count + 1);
    const gone = new AbortController();
    const leave = () => gone.abort();
    response.once("close", leave);
    await delay(pauseMs, undefined, { signal: gone.signal }).catch(() => undefined);
    response.off("close", leave);
    const left = (pauses.get(key) as number) - 1;
    if (left > 0) pauses.set(key, left);
    else pauses.delete(key);
  };
}
