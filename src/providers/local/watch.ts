/** Watches pairs every few seconds: it ends split brains, and finds primaries that have failed for too long. */

import { findPostmaster } from "../../postgres/postmaster.js";
import { OperationFailureError } from "../errors.js";
import type { FailoverDue, Finding } from "../provider.js";
import { type Host } from "./host.js";
import { type LocalInstance, primaryOf, standbysOf } from "./instance-file.js";
import { keepConfiguration } from "./kept-configuration.js";
import { clusterOf, memberName, memberProcessName } from "./members.js";
import { isObservedFailed, isObservedUp, observe } from "./observe.js";
import type { Operations } from "./operations.js";
import { preflightStandby, preflightTakeOver, preflightWal } from "./preflight.js";
import { observeReplication } from "./replication.js";
import { endSplitBrain, findPromotedByHand, findUndecidedSplitBrain, isSplitBrainMember } from "./split-brain.js";
import { isTaskOnServers, taskFailureOf } from "./task.js";

/** The longest time that counts between two looks: while Postern itself hangs, it does not know the state of the primary. */
const MAX_BETWEEN_MS = 10_000;

type Failing = { readonly sinceMs: number; readonly lookedMs: number; readonly forMs: number };

export type Watch = ReturnType<typeof createWatch>;

/** @param rebuild starts to rebuild the stale standby of an instance */
export function createWatch(host: Host, operations: Operations, rebuild: (providerId: string) => void) {
  const timeoutMs = host.limits.answerTimeoutMs;
  /** The primaries that have failed, by providerId. */
  const failing = new Map<string, Failing>();
  /** How many bytes each standby was behind when its primary last answered, by providerId. */
  const lags = new Map<string, number>();
  /** Why instances that should fail over cannot, by providerId. */
  const hindrances = new Map<string, string>();

  function forget(providerId: string): void {
    failing.delete(providerId);
    hindrances.delete(providerId);
  }

  async function look(instance: LocalInstance): Promise<FailoverDue | null> {
    const { providerId } = instance;
    const doing = operations.busyWith(providerId);
    // Whatever starts or reboots the instance also waits until its primary is up.
    if (instance.wanted === "stopped" || !operations.isReady(providerId) || isTaskOnServers(doing)) {
      forget(providerId);
      return null;
    }
    if (doing !== "upkeep" && (await isSplit(instance)) && !(await findUndecidedSplitBrain(host, instance))) {
      const end = async (current: LocalInstance) => void (await endSplitBrain(host, current));
      await (doing === undefined ? operations.whileBusy(providerId, "modifying", end) : end(instance));
      rebuild(providerId);
    }
    if (standbysOf(instance).length === 0) return null;
    // A change by people should be carried over even if the primary fails a moment later. The repair reports errors.
    await keepConfiguration(host, instance).catch(() => undefined);
    return instance.autoFailover ? lookForFailure(instance) : null;
  }

  async function isSplit(instance: LocalInstance): Promise<boolean> {
    const promoted = await findPromotedByHand(host, instance);
    return promoted !== null && (await findPostmaster(clusterOf(host, instance, promoted).dataDir)) !== undefined;
  }

  async function lookForFailure(instance: LocalInstance): Promise<FailoverDue | null> {
    const { providerId } = instance;
    const primary = clusterOf(host, instance, primaryOf(instance));
    const seen = await observe(primary, timeoutMs);
    if (isObservedUp(seen)) {
      forget(providerId);
      if (seen.is === "answering") {
        const name = memberProcessName(providerId, preflightStandby(instance).name);
        const { lagBytes } = await observeReplication(primary, name, timeoutMs);
        lags.set(providerId, lagBytes);
      }
      return null;
    }
    const nowMs = host.clock.now().getTime();
    const last = failing.get(providerId) ?? (isObservedFailed(seen) && { sinceMs: nowMs, lookedMs: nowMs, forMs: 0 });
    if (!last) return null;
    const forMs = last.forMs + Math.min(MAX_BETWEEN_MS, Math.max(0, nowMs - last.lookedMs));
    failing.set(providerId, { ...last, lookedMs: nowMs, forMs });
    // A start may be under way. If it fails, the time until the failover has gone on.
    const doing = operations.busyWith(providerId);
    if (!isObservedFailed(seen) || doing === "upkeep" || isTaskOnServers(doing)) return null;
    if (forMs < instance.autoFailover!.afterSeconds * 1000) return null;
    const hindrance = await hindranceOf(instance, seen);
    if (hindrance !== null) {
      if (hindrances.get(providerId) !== hindrance)
        host.log.error({ instance: instance.identifier, hindrance }, "An instance that has failed cannot fail over");
      hindrances.set(providerId, hindrance);
      return null;
    }
    hindrances.delete(providerId);
    return { providerId, cause: seen.reason, since: new Date(last.sinceMs).toISOString() };
  }

  /** @returns why the standby may not take over automatically, null where it may */
  async function hindranceOf(
    instance: LocalInstance,
    seen: Parameters<typeof preflightTakeOver>[2],
  ): Promise<string | null> {
    try {
      const to = preflightStandby(instance);
      await preflightTakeOver(host, instance, seen, to);
      // A promoted standby took over already, so what may be lost is no reason any more.
      if (await isSplitBrainMember(host, instance, to)) return null;
      if (await preflightWal(host, instance, to)) return null;
      const lag = lags.get(instance.providerId);
      const { maxLagBytes } = instance.autoFailover!;
      if (lag !== undefined && lag <= maxLagBytes) return null;
      const behind = lag === undefined || !Number.isFinite(lag) ? "an unknown number of" : lag;
      return `What the primary had written cannot be read, and ${memberName(instance, to)} was ${behind} bytes behind; ${maxLagBytes} are allowed.`;
    } catch (error) {
      // An unexpected error is a hindrance too, and people are told of it.
      if (!(error instanceof OperationFailureError))
        host.log.error({ err: error, instance: instance.identifier }, "Whether a standby may take over is not known");
      return taskFailureOf(error).message;
    }
  }

  return {
    /** Implements Provider.watch. */
    async look(): Promise<FailoverDue[]> {
      const looks = (await host.instances.list()).map((instance) =>
        look(instance).catch((error) => {
          host.log.error({ err: error, instance: instance.identifier }, "Could not watch an instance");
          return null;
        }),
      );
      return (await Promise.all(looks)).filter((due) => due !== null);
    },

    findingsOf(providerId: string): Finding[] {
      const hindrance = hindrances.get(providerId);
      if (hindrance === undefined) return [];
      const detail = `The primary has failed, and no automatic failover is possible. ${hindrance} A reboot with forceFailover may still be possible.`;
      return [{ kind: "failover_hindered", severity: "CRITICAL", subject: null, detail }];
    },
  };
}
