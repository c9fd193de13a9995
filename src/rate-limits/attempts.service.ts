/** Limits how often somebody may try to get in. Attempts are counted before anything is hashed; a success does not count. */
import type { CallOrigin } from "../audit/call.js";
import { networkOf } from "../values/caller.js";
import { canonicalMailbox, isMailbox } from "../values/mailbox.js";
import type { RateLimits } from "./rate-limits.variables.js";
import type { RateSubject, RateTicket, SharedLimits } from "./shared-limits.service.js";

/** What an attempt is made on. */
export interface AttemptKeys {
  /** The e-mail address of the account, as it was typed. Without it the attempt counts for the client's address only. */
  readonly account?: string;
  /** A device that the account is known on, instead of account and address. It has as many attempts of its own, from whatever address. */
  readonly device?: string;
}

/** An attempt that is under way. */
interface CountedAttempt {
  /** How many failures count for the address or the device, this attempt included. */
  readonly failures: number;
  /** Lets the attempt count, because its credentials are refused, whatever becomes of it from here. */
  refuse(): void;
}

export type Attempts = ReturnType<typeof createAttempts>;

const TIER = "authentication";

export function createAttempts(shared: SharedLimits, limits: RateLimits["authentication"]) {
  function subjectsOf({ account, device }: AttemptKeys, { ipAddress }: CallOrigin): RateSubject[] {
    // Whatever strangers do at the same address, they do not keep a known device out.
    if (device !== undefined) return [{ tier: TIER, by: "device", parts: [device], limit: limits.account }];
    const network = networkOf(ipAddress);
    const subjects: RateSubject[] = [{ tier: TIER, by: "address", parts: [network], limit: limits.address }];
    if (account === undefined) return subjects;
    const email = canonicalMailbox(account);
    const facts: Record<string, string> = isMailbox(email) ? { email } : {};
    return [{ tier: TIER, by: "account", parts: [email, network], limit: limits.account, facts }, ...subjects];
  }

  /** The last attempt of each account, address or device that is under way. */
  const last = new Map<string, Promise<void>>();

  /** Attempts on one account from one address go one after another: those under way together would be taken for failures. */
  async function inTurn<T>({ account, device }: AttemptKeys, { ipAddress }: CallOrigin, work: () => Promise<T>) {
    const key = JSON.stringify(
      device === undefined ? [canonicalMailbox(account ?? ""), networkOf(ipAddress)] : [device],
    );
    const before = last.get(key);
    const done = (before ?? Promise.resolve()).then(work);
    const ended = done.then(
      () => undefined,
      () => undefined,
    );
    last.set(key, ended);
    try {
      return await done;
    } finally {
      if (last.get(key) === ended) last.delete(key);
    }
  }

  /** @throws RATE_LIMITED, UNAVAILABLE */
  const take = (keys: AttemptKeys, origin: CallOrigin): Promise<RateTicket> =>
    shared.take(subjectsOf(keys, origin), { origin });

  return {
    /** Takes a point for an attempt. Call `giveBack` of what it returns after a success. @throws RATE_LIMITED, UNAVAILABLE */
    take,

    /** Does work that counts as an attempt only where it refuses the credentials. @throws RATE_LIMITED, UNAVAILABLE, and what the work throws */
    counted: <T>(keys: AttemptKeys, origin: CallOrigin, work: (attempt: CountedAttempt) => Promise<T>): Promise<T> =>
      inTurn(keys, origin, async () => {
        const ticket = await take(keys, origin);
        let isRefused = false;
        const refuse = () => {
          isRefused = true;
        };
        try {
          return await work({ failures: ticket.points, refuse });
        } finally {
          if (!isRefused) await ticket.giveBack();
        }
      }),
  };
}
