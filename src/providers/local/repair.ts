/** Setting instances right that nobody looks after: what has died is started again, standbys are mended; each time for the record. */
import { findPostmaster } from "../../postgres/postmaster.js";
import { bringUp, needsRepair } from "./bring-up.js";
import { keepConfiguration } from "./configuration.js";
import { clusterOf, faultText, type Host, memberName } from "./host.js";
import type { LocalInstance } from "./instances.js";
import { mendStandbys, needsMending } from "./mend.js";
import type { Operations } from "./operations.js";
import { findLeft } from "./split-brain.js";

export function createRepair(host: Host, operations: Operations) {
  /** What could not be repaired and why, by the id of the instance: recorded once, not every minute. */
  const failing = new Map<string, string>();

  async function downMembers(instance: LocalInstance): Promise<string[]> {
    const running = await Promise.all(
      instance.members.map((member) => findPostmaster(clusterOf(host, instance, member).dataDir)),
    );
    return instance.members.filter((_, index) => !running[index]).map((member) => memberName(instance, member));
  }

  /** Leaves alone what is busy. Never throws. */
  return async function repair(instance: LocalInstance, signal: AbortSignal): Promise<void> {
    const { providerId } = instance;
    const tell = (result: Record<string, unknown>, success: boolean) =>
      host.report({ providerId, by: "repair", action: "instance.repair", result, success });
    try {
      // Whatever is done would be for one of two, between which people decide.
      if (await findLeft(host, instance)) return;
      if (await needsRepair(host, instance)) {
        const before = await downMembers(instance);
        if (!(await operations.whileBusy(providerId, "starting", () => bringUp(host, providerId, signal)))) return;
        const after = await downMembers(instance);
        const started = before.filter((name) => !after.includes(name));
        if (started.length > 0) await tell({ started }, true);
      }
      if (await needsMending(host, instance)) {
        await operations.whileBusy(providerId, "available", async (current) => {
          const mended = await mendStandbys(host, current, signal);
          if (Object.keys(mended).length > 0) await tell({ mended }, true);
        });
      }
      if (instance.members.length > 1) await keepConfiguration(host, instance);
      failing.delete(providerId);
    } catch (error) {
      if (signal.aborted) return;
      host.log.error({ err: error, instance: instance.identifier }, "Could not repair an instance");
      const reason = faultText(error);
      if (failing.get(providerId) === reason) return;
      failing.set(providerId, reason);
      await tell({ reason }, false);
    }
  };
}
