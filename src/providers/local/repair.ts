/** Repairs instances: it starts servers that have died and mends standbys, and reports each repair for the audit log. */
import { findPostmaster } from "../../postgres/postmaster.js";
import { bringUp, needsBringUp } from "./bring-up.js";
import { type Host, hostFaultText } from "./host.js";
import type { LocalInstance } from "./instance-file.js";
import { keepConfiguration } from "./kept-configuration.js";
import { clusterOf, memberName } from "./members.js";
import { mendStandbys, needsMending } from "./mend.js";
import type { Operations } from "./operations.js";
import { needsParameterGroup, reloadParameterGroup } from "./parameter-group.js";
import { findUndecidedSplitBrain } from "./split-brain.js";

/** Creates the repair of instances, which remembers what it could not repair. */
export function createRepair(host: Host, operations: Operations) {
  /** Why an instance could not be repaired, by its id, so that the failure is reported once and not every minute. */
  const failing = new Map<string, string>();

  async function downMembers(instance: LocalInstance): Promise<string[]> {
    const running = await Promise.all(
      instance.members.map((member) => findPostmaster(clusterOf(host, instance, member).dataDir)),
    );
    return instance.members.filter((_, index) => !running[index]).map((member) => memberName(instance, member));
  }

  /** Repairs one instance, unless it is busy. It never throws. */
  return async function repair(instance: LocalInstance, signal: AbortSignal): Promise<void> {
    const { providerId } = instance;
    const tell = (result: Record<string, unknown>, success: boolean) =>
      host.report({ providerId, by: "repair", action: "instance.repair", result, success });
    try {
      // People must first decide which member is the primary.
      if (await findUndecidedSplitBrain(host, instance)) return;
      if (await needsBringUp(host, instance)) {
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
      if (await needsParameterGroup(host, instance))
        await operations.whileBusy(providerId, "available", (current) => reloadParameterGroup(host, current));
      if (instance.members.length > 1) await keepConfiguration(host, instance);
      failing.delete(providerId);
    } catch (error) {
      if (signal.aborted) return;
      host.log.error({ err: error, instance: instance.identifier }, "Could not repair an instance");
      const reason = hostFaultText(error);
      if (failing.get(providerId) === reason) return;
      failing.set(providerId, reason);
      await tell({ reason }, false);
    }
  };
}
