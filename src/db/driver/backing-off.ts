/** Opens connections ever less often while they fail, so that a database that comes back is not overrun. */
import { type Log, logOnceAMinute } from "../../log.js";
import type { ConnectionOpener } from "./connection.js";

const FIRST_MS = 50;
const MOST_MS = 1000;

interface Failing {
  readonly fault: unknown;
  readonly delayMs: number;
  /** Until then `open` fails at once, by `performance.now()`. */
  readonly untilMs: number;
}

export interface BackingOff {
  readonly open: ConnectionOpener;
  /** Whether `open` now fails at once. */
  isFailing(): boolean;
}

/** @returns `open`, but it fails at once after a failure; when the delay is over, it tries a single connection first */
export function backOff(open: ConnectionOpener, log: Log | undefined): BackingOff {
  let failing: Failing | undefined;
  let trying: Promise<unknown> | undefined;
  const tell = logOnceAMinute((fault) => log?.warn(fault, "the database takes no connections: they are tried again"));

  function note(fault: unknown, beganMs: number): void {
    tell(fault);
    // Of connections that fail together, only the first doubles the delay.
    if (failing && beganMs < failing.untilMs) return;
    const delayMs = Math.min(MOST_MS, failing ? failing.delayMs * 2 : FIRST_MS);
    // A random delay keeps replicas from coming back all at once.
    const untilMs = performance.now() + delayMs * (0.5 + Math.random() / 2);
    failing = { fault, delayMs, untilMs };
  }

  async function attempt(onclose: () => void): ReturnType<ConnectionOpener> {
    const beganMs = performance.now();
    try {
      const opened = await open(onclose);
      if (failing) log?.info("the database takes connections again");
      failing = undefined;
      return opened;
    } catch (fault) {
      note(fault, beganMs);
      throw fault;
    }
  }

  const isFailing = () => failing !== undefined && performance.now() < failing.untilMs;
  return {
    isFailing,
    async open(onclose) {
      if (failing && isFailing()) throw failing.fault;
      if (!failing) return attempt(onclose);
      if (trying) {
        await trying;
        return attempt(onclose);
      }
      const tried = attempt(onclose);
      trying = tried.finally(() => {
        trying = undefined;
      });
      trying.catch(() => undefined);
      return tried;
    },
  };
}
