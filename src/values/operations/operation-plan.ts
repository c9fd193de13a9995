/** The plan of an operation: what counted when it was planned, and what has changed since. */
import { type InstanceFacts, type Outage, ofProvider } from "./declaration.js";
import { declarationOfOperation, type OperationType } from "./declarations.js";

/** What counts for an operation. It is kept with the operation, as plain JSON. */
export interface OperationPlan {
  /** The provider's stable id of the instance. */
  readonly providerId: string;
  readonly members: readonly { readonly name: string; readonly role: string }[];
  readonly instanceClass: string | null;
  readonly engineVersion: string;
  readonly environment: string;
  readonly outage: Outage;
  readonly outageReason: string;
  readonly calls: readonly string[];
  readonly warnings: readonly string[];
}

/** @param instance as it is stored @param parameters of the operation @returns the same for the same facts */
export function planOf(type: OperationType, instance: InstanceFacts, parameters: Readonly<Record<string, unknown>>) {
  const {
    outage,
    reason,
    calls,
    warnings = [],
  } = ofProvider(declarationOfOperation(type).plan, instance.provider)(instance, parameters);
  const { providerId, instanceClass, engineVersion, environment } = instance;
  // Outside of a cluster they are zones, which AWS shows minutes late. Only whether there is a standby counts.
  const areZones = instance.provider === "aws-rds" && !instance.cluster;
  return {
    providerId,
    members: instance.members.map(({ name, role }) => ({ name: areZones ? instance.identifier : name, role })),
    ...{ instanceClass, engineVersion, environment },
    ...{ outage, outageReason: reason, calls, warnings },
  } satisfies OperationPlan;
}

/** What decides, in words. The rest of a plan explains it. */
const DECISIVE = {
  providerId: "the instance",
  environment: "its environment",
  members: "the roles of its members",
  instanceClass: "its class",
  engineVersion: "its engine version",
  outage: "the outage",
  calls: "what the provider is asked",
} satisfies Partial<Record<keyof OperationPlan, string>>;

function textOf(plan: OperationPlan, name: keyof typeof DECISIVE): string {
  if (name === "calls") return plan.calls.join(", then ");
  if (name !== "members") return plan[name] ?? "unknown";
  const members = plan.members.map(({ name, role }) => `${name} ${role}`);
  return members.sort().join(", ") || "none";
}

/** @param before as it was kept, perhaps by a release that knew less @returns what has changed, in words; null where nothing has that decides */
export function changeOfPlan(before: OperationPlan, now: OperationPlan): string | null {
  const changes = Object.entries(DECISIVE).flatMap(([key, words]) => {
    const name = key as keyof typeof DECISIVE;
    if (before[name] === undefined) return [];
    const [was, is] = [textOf(before, name), textOf(now, name)];
    return was === is ? [] : [`${words} from ${was} to ${is}`];
  });
  return changes.length === 0 ? null : `What was planned has changed: ${changes.join("; ")}.`;
}
