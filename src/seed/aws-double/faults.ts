/** Faults on demand: how calls behave that match a rule. */
import { setTimeout as wait } from "node:timers/promises";
import { AwsFault } from "./aws-fault.js";
import type { Timeline } from "./timeline.js";

/** A call, as the double counts it. */
export interface AwsCall {
  readonly action: string;
  readonly account: string;
  readonly region: string;
  /** RFC 3339, by the double's clock. */
  readonly at: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** Whether the double did what was asked, though its answer may have been lost; otherwise `error` says why not. */
  done: boolean;
  /** AWS's code, or the word of the fault that kept it from being done; null where it was done or has not ended. */
  error: string | null;
}

type FaultBehaviour =
  /** AccessDenied. */
  | { readonly as: "deny" }
  | {
      readonly as: "throttle";
      readonly code?: "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "SlowDown";
    }
  /** Waits, then goes on as usual; without `ms` until the fault is ended. */
  | { readonly as: "delay"; readonly ms?: number }
  /** Does what is asked, sends so many bytes of the answer, and closes the connection. */
  | { readonly as: "cut-off"; readonly bytes: number }
  /** A page of HTML, as proxies send it. */
  | { readonly as: "html"; readonly status?: number }
  /** InternalFailure; ServiceUnavailable where the status is 503. */
  | { readonly as: "server-error"; readonly status?: number }
  /** Does what is asked, and closes the connection without an answer. */
  | { readonly as: "lose-answer" }
  /** Closes the connection, and does nothing of what is asked. */
  | { readonly as: "lose-call" }
  | { readonly as: "expired-token" }
  | { readonly as: "refuse"; readonly code: string; readonly message?: string; readonly status?: number };

/** Which calls behave how. What is absent matches every call. */
export type FaultRule = FaultBehaviour & {
  readonly action?: string | readonly string[];
  readonly account?: string;
  readonly region?: string;
  readonly when?: (call: AwsCall) => boolean;
  /** How many matching calls go on as usual before. */
  readonly skip?: number;
  /** How many calls it hits; all where it is absent. */
  readonly times?: number;
  /** How long it lasts by the double's clock. */
  readonly forMs?: number;
};

export interface Fault {
  /** How many calls it has hit. */
  readonly hits: number;
  /** Ends it, and lets the calls go on that wait in it. */
  end(): void;
}

interface LivingFault {
  readonly rule: FaultRule;
  readonly ended: Promise<void>;
  readonly until: number;
  matches: number;
  hits: number;
}

export interface Faults {
  add(rule: FaultRule): Fault;
  /**
   * Waits as the rules for a call say.
   * @returns how the call behaves, or undefined where no rule says anything
   */
  meet(call: AwsCall): Promise<Exclude<FaultBehaviour, { as: "delay" }> | undefined>;
  endAll(): void;
}

function isMeant({ action, account, region, when }: FaultRule, call: AwsCall): boolean {
  return (
    (action === undefined || [action].flat().includes(call.action)) &&
    (account === undefined || account === call.account) &&
    (region === undefined || region === call.region) &&
    (when === undefined || when(call))
  );
}

export function createFaults(timeline: Timeline): Faults {
  const living = new Map<LivingFault, () => void>();

  /** @returns whether the call is one that the fault hits, which is counted */
  const takes = (fault: LivingFault, call: AwsCall) => {
    const { rule } = fault;
    if (timeline.now() >= fault.until || !isMeant(rule, call)) return false;
    if (fault.hits >= (rule.times ?? Number.POSITIVE_INFINITY)) return false;
    if (fault.matches++ < (rule.skip ?? 0)) return false;
    fault.hits++;
    return true;
  };

  return {
    add(rule) {
      const { promise: ended, resolve } = Promise.withResolvers<void>();
      const until = rule.forMs === undefined ? Number.POSITIVE_INFINITY : timeline.now() + rule.forMs;
      const fault: LivingFault = { rule, ended, until, matches: 0, hits: 0 };
      const end = () => {
        living.delete(fault);
        resolve();
      };
      living.set(fault, end);
      return {
        get hits() {
          return fault.hits;
        },
        end,
      };
    },
    async meet(call) {
      for (const fault of [...living.keys()]) {
        const { rule } = fault;
        if (!takes(fault, call)) continue;
        if (rule.as !== "delay") return rule;
        await (rule.ms === undefined ? fault.ended : Promise.race([fault.ended, wait(rule.ms)]));
      }
      return undefined;
    },
    endAll() {
      for (const end of [...living.values()]) end();
    },
  };
}

/** @returns the refusal of AWS that a behaviour stands for, or null where it stands for another one */
export function refusalOf(behaviour: FaultBehaviour, call: AwsCall, callerArn: string): AwsFault | null {
  const service = /^(AssumeRole|GetCallerIdentity)$/.test(call.action) ? "sts" : "rds";
  switch (behaviour.as) {
    case "deny":
      return new AwsFault(
        "AccessDenied",
        `User: ${callerArn} is not authorized to perform: ${service}:${call.action} because no identity-based policy allows ` +
          `the ${service}:${call.action} action`,
        403,
      );
    case "throttle": {
      const code = behaviour.code ?? "Throttling";
      return new AwsFault(code, "Rate exceeded", code === "SlowDown" || code === "RequestLimitExceeded" ? 503 : 400);
    }
    case "expired-token":
      return new AwsFault("ExpiredToken", "The security token included in the request is expired", 403);
    case "refuse":
      return new AwsFault(behaviour.code, behaviour.message ?? "The test says so.", behaviour.status ?? 400);
    case "server-error": {
      const { status = 500 } = behaviour;
      const code = status === 503 ? "ServiceUnavailable" : "InternalFailure";
      return new AwsFault(code, "The request processing has failed because of an unknown error.", status);
    }
    default:
      return null;
  }
}
