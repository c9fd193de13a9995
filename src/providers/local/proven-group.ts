/** Starts a primary whose parameter group no start has proven yet: where PostgreSQL does not start with it, the group before is put back. */
import { StillStartingError } from "../../postgres/last-words.js";
import { type Host, hostFaultText } from "./host.js";
import { type LocalInstance, primaryOf } from "./instance-file.js";
import { clusterOf } from "./members.js";

/** @returns why the group before was put back, as a sentence; null where it was not @throws Error where the primary does not start with either */
export async function startPrimary(host: Host, instance: LocalInstance, signal?: AbortSignal): Promise<string | null> {
  const { providerId, identifier, parameterGroup } = instance;
  const { proven, ...unproven } = parameterGroup;
  const primary = primaryOf(instance);
  try {
    const { started } = await clusterOf(host, instance, primary).start(signal);
    if (proven && started) await host.instances.update(providerId, (now) => ({ ...now, parameterGroup: unproven }));
    return null;
  } catch (error) {
    if (!proven || signal?.aborted || error instanceof StillStartingError) throw error;
    host.log.error({ err: error, instance: identifier }, "The parameter group is put back");
    const former = [...new Set([...unproven.former, ...Object.keys(unproven.settings)])];
    const back = { ...instance, parameterGroup: { ...proven, former } };
    // Where it does not start with the group before either, its group is not the cause.
    await clusterOf(host, back, primary)
      .start(signal)
      .catch(() => Promise.reject(error));
    await host.instances.update(providerId, (now) => ({ ...now, parameterGroup: back.parameterGroup }));
    const reason = `${identifier} does not start with the parameter group ${unproven.name}, and has ${proven.name} again. ${hostFaultText(error)}`;
    const result = { from: unproven.name, parameterGroup: proven.name, reason };
    await host.report({ providerId, by: "repair", action: "instance.putBackParameterGroup", result, success: true });
    return reason;
  }
}
