/** Starts a server whose parameter group no start has proven yet: where PostgreSQL does not start with it, the group before is put back. */
import { StillStartingError } from "../../postgres/last-words.js";
import { type Host, hostFaultText } from "./host.js";
import { type LocalInstance, type LocalMember, primaryOf } from "./instance-file.js";
import { clusterOf } from "./members.js";

/** Starts the primary, which proves its group. @returns why the group before was put back, as a sentence; null where it was not */
export async function startPrimary(host: Host, instance: LocalInstance, signal?: AbortSignal): Promise<string | null> {
  const { started, putBack } = await startWithGroup(host, instance, primaryOf(instance), signal);
  if (started && !putBack)
    await host.instances.update(
      instance.providerId,
      ({ parameterGroup: { proven: _, ...parameterGroup }, ...now }) => ({
        ...now,
        parameterGroup,
      }),
    );
  return putBack?.reason ?? null;
}

/** @returns whether this call started it, and which group was not put in force, and why, where that before was put back @throws Error where it does not start with either */
export async function startWithGroup(
  host: Host,
  instance: LocalInstance,
  member: LocalMember,
  signal?: AbortSignal,
): Promise<{ readonly started: boolean; readonly putBack: { readonly name: string; readonly reason: string } | null }> {
  const { providerId, identifier } = instance;
  // A start before this one may have put it back.
  const { parameterGroup } = (await host.instances.find(providerId)) ?? instance;
  const { proven, ...unproven } = parameterGroup;
  try {
    const { started } = await clusterOf(host, { ...instance, parameterGroup }, member).start(signal);
    return { started, putBack: null };
  } catch (error) {
    if (!proven || signal?.aborted || error instanceof StillStartingError) throw error;
    host.log.error({ err: error, instance: identifier }, "The parameter group is put back");
    const former = [...new Set([...unproven.former, ...Object.keys(unproven.settings)])];
    const back = { ...instance, parameterGroup: { ...proven, former } };
    // Where it does not start with the group before either, its group is not the cause.
    await clusterOf(host, back, member)
      .start(signal)
      .catch(() => Promise.reject(error));
    await host.instances.update(providerId, (now) => ({ ...now, parameterGroup: back.parameterGroup }));
    const reason = `${identifier} does not start with the parameter group ${unproven.name}, and has ${proven.name} again. ${hostFaultText(error)}`;
    const result = { from: unproven.name, parameterGroup: proven.name, reason };
    await host.report({ providerId, by: "repair", action: "instance.putBackParameterGroup", result, success: true });
    return { started: true, putBack: { name: unproven.name, reason } };
  }
}
