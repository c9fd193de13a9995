/** Describes local instances for the inventory, from instance.json and from what is observed. */
import { type Endpoint, UNOBSERVED_MEMBER } from "../member.js";
import { type Finding, type InstanceDescription } from "../provider.js";
import { describeAppliedGroup } from "./applied-group.js";
import { applyBackupWindowIfDue } from "./backup-window.js";
import { DEFAULT_CLASS } from "./classes.js";
import { findingsOf } from "./findings.js";
import { createHealths, type MemberHealth } from "./health.js";
import { type Host } from "./host.js";
import { type LocalInstance, type LocalMember, NO_GROUP, primaryOf } from "./instance-file.js";
import { keptFindings, refusalFinding } from "./member-findings.js";
import { clusterOf, memberName } from "./members.js";
import { isObservedFailed, isObservedUp, observe } from "./observe.js";
import type { Operations } from "./operations.js";
import type { Plans } from "./plans.js";
import { splitBrainFindings } from "./split-brain.js";
import { isTaskOnServers, taskFailureOf } from "./task.js";
import type { Watch } from "./watch.js";

/** A server that starts, recovers or stops for longer than this may never end. */
const STUCK_MS = 60_000;

const endpointOf = ({ port }: LocalMember): Endpoint => ({ host: "127.0.0.1", port });

/** @param version the version of PostgreSQL, the same for all instances */
export function createDescribe(host: Host, operations: Operations, plans: Plans, watch: Watch, version: string) {
  const healths = createHealths(host);
  /** The last readable description of each instance: a broken file must not make an instance look gone, or look like another. */
  const lastReadable = new Map<string, LocalInstance>();
  /** The last findings of each instance, which stay as they are while the instance is busy. */
  const lastFindings = new Map<string, readonly Finding[]>();

  /** Since when each primary starts, recovers or stops, although Postern does nothing to it. */
  const startingSince = new Map<string, number>();

  /** @returns the description at once, whatever state the instance is in, or null where it is gone */
  return async function describe(providerId: string): Promise<InstanceDescription | null> {
    let fault: unknown;
    const stored = await host.instances.find(providerId).catch(async (error) => {
      fault = error;
      return lastReadable.get(providerId) ?? (await host.instances.findCopy(providerId)) ?? placeholderOf(providerId);
    });
    if (!stored) {
      lastReadable.delete(providerId);
      lastFindings.delete(providerId);
      const plan = await host.instances.findPlan(providerId);
      if (plan) return describePlan(plan);
      // The creation may have completed between the two look-ups.
      return (await host.instances.find(providerId).catch(() => null)) ? describe(providerId) : null;
    }
    if (fault) {
      host.log.error({ err: fault, providerId }, "The description of an instance cannot be read");
      return describeAs(stored, "failed", [], [unreadableFile(host.instances.folderOf(providerId))]);
    }
    const instance = (await applyBackupWindowIfDue(host, stored, host.clock.now()).catch(() => stored)) ?? stored;
    lastReadable.set(providerId, instance);
    const { status, members, findings, ...seen } = await observeInstance(instance).catch((error) => {
      host.log.error({ err: error, instance: instance.identifier }, "An instance cannot be looked at");
      return { status: "failed", members: [], findings: [notObserved(taskFailureOf(error).message)] };
    });
    if (operations.statusWhileBusy(providerId) === undefined) lastFindings.set(providerId, findings);
    const all = [...(lastFindings.get(providerId) ?? []), ...plans.findingsOf(instance)];
    return { ...describeAs(instance, status, members, all), ...seen };
  };

  async function observeInstance(instance: LocalInstance) {
    const primary = observePrimary(instance);
    const [{ status, finding }, { members, findings }, { parameterGroup }, ...others] = await Promise.all([
      primary,
      healths.of(
        instance,
        primary.then(({ status }) => status),
      ),
      describeAppliedGroup(host, instance),
      keptFindings(host, instance),
      primary.then(({ status }) => (status === "available" ? [] : splitBrainFindings(host, instance))),
      findingsOf(host, instance),
    ]);
    return {
      status,
      members,
      parameterGroup,
      findings: [...(finding ? [finding] : []), ...findings, ...others.flat()],
    };
  }

  type Primary = { readonly status: string; readonly finding?: Finding | null };

  async function observePrimary(instance: LocalInstance): Promise<Primary> {
    const doing = operations.busyWith(instance.providerId);
    const busy = operations.statusWhileBusy(instance.providerId);
    // Whatever restarts the server also waits until it is up.
    if (busy !== undefined && (doing === "upkeep" || isTaskOnServers(doing))) return { status: busy };
    if (instance.wanted === "stopped") return { status: "stopped" };
    if (!operations.isReady(instance.providerId)) return { status: "starting" };
    const seen = await observe(clusterOf(host, instance, primaryOf(instance)), host.limits.answerTimeoutMs);
    if (seen.is !== "starting") startingSince.delete(instance.providerId);
    if (busy !== undefined) return { status: isObservedFailed(seen) ? "failed" : busy };
    if (isObservedUp(seen) && !seen.inRecovery) return { status: "available", finding: refusalFinding(instance, seen) };
    // The instance may have become busy meanwhile, which explains what was observed.
    const busyNow = operations.statusWhileBusy(instance.providerId);
    if (busyNow !== undefined) return { status: busyNow };
    const reason = isObservedUp(seen) ? "It does not take writes." : seen.reason;
    host.log.warn({ instance: instance.identifier, reason }, "An instance is not available");
    if (seen.is !== "starting") return { status: "failed" };
    const nowMs = host.clock.now().getTime();
    const sinceMs = startingSince.get(instance.providerId) ?? nowMs;
    startingSince.set(instance.providerId, sinceMs);
    return nowMs - sinceMs < STUCK_MS ? { status: "starting" } : { status: "failed", finding: notReady(instance) };
  }

  /** Describes an instance that is not complete; it has no endpoints yet. */
  function describePlan(plan: LocalInstance): InstanceDescription {
    const fault = plans.faultOf(plan);
    const detail = `It could not be created; Postern tries again every minute. ${fault}`;
    const finding = { kind: "creation_failed", severity: "CRITICAL", subject: null, detail } as const;
    const status = fault === undefined ? "creating" : "failed";
    const description = describeAs(plan, status, [], fault === undefined ? [] : [finding]);
    const members = description.members.map((member) => ({ ...member, endpoint: null, status }));
    return { ...description, endpoint: null, members };
  }

  function describeAs(
    instance: LocalInstance,
    status: string,
    healthOf: readonly MemberHealth[],
    findings: readonly Finding[],
  ): InstanceDescription {
    const { members, primary } = instance;
    return {
      providerId: instance.providerId,
      identifier: instance.identifier,
      arn: null,
      accountId: "local",
      region: null,
      engine: "postgres",
      engineVersion: version,
      instanceClass: instance.instanceClass,
      pendingInstanceClass: instance.pendingInstanceClass?.instanceClass ?? null,
      parameterGroup: { name: instance.parameterGroup.name, status: "in-sync" },
      storageGiB: null,
      multiAz: members.length > 1,
      status,
      endpoint: members.length > 0 ? endpointOf(primaryOf(instance)) : null,
      members: members.map((member, index) => ({
        name: memberName(instance, member),
        role: member.name === primary ? "PRIMARY" : "STANDBY",
        endpoint: member.stale ? null : endpointOf(member),
        ...(healthOf[index] ?? UNOBSERVED_MEMBER),
      })),
      cluster: null,
      tags: instance.tags,
      backupWindow: instance.backupWindow,
      pendingBackupWindow: instance.pendingBackupWindow?.window ?? null,
      maintenanceWindow: instance.maintenanceWindow,
      backupRetentionDays: instance.backupRetentionDays,
      autoFailover: instance.autoFailover,
      findings: [...findings, ...watch.findingsOf(instance.providerId)],
    };
  }
}

const notReady = (instance: LocalInstance): Finding => ({
  kind: "primary_not_ready",
  severity: "CRITICAL",
  subject: memberName(instance, primaryOf(instance)),
  detail:
    "Its server is starting, recovering or stopping, and that takes longer than a minute: it may have much WAL to replay, or wait for " +
    "clients to leave. See its log, which says how far it is; a reboot ends it, and starts it anew.",
});

const unreadableFile = (folder: string): Finding => ({
  kind: "instance_unreadable",
  severity: "CRITICAL",
  subject: null,
  detail: `The description of this instance cannot be read. Make instance.json in ${folder} readable again; a copy of it lies beside it. Its data are untouched.`,
});

const notObserved = (why: string): Finding => ({
  kind: "instance_not_observed",
  severity: "CRITICAL",
  subject: null,
  detail: `Postern cannot look at this instance, which may be well. ${why}`,
});

/** Stands for an instance when neither its file nor a copy can be read: only the id is certain. */
function placeholderOf(providerId: string): LocalInstance {
  return {
    providerId,
    identifier: providerId,
    tags: [],
    maintenanceWindow: "sun:05:00-sun:06:00",
    backupWindow: "03:00-03:30",
    pendingBackupWindow: null,
    instanceClass: DEFAULT_CLASS,
    pendingInstanceClass: null,
    parameterGroup: NO_GROUP,
    autoFailover: null,
    backupRetentionDays: 0,
    members: [],
    primary: "a",
    wanted: "running",
  };
}
