/** What one request carries through the doors: its actor, its reads, its calls, and what was refused to it. */
import DataLoader from "dataloader";
import type { GraphQLResolveInfo } from "graphql";
import { type Call, networkOf, type Origin, withoutSecrets } from "../audit/call.js";
import { type Access, type Actor, accessOf } from "../auth/actor.js";
import type { Unit } from "../engine/read/compile.js";
import type { Planner } from "../engine/read/planner.js";
import type { Variables } from "../engine/read/query-value.js";
import type { Allowance, Reads } from "../engine/read/reads.js";
import type { CallContext } from "../engine/types/current-call.js";
import type { ReadContext } from "../engine/types/read-resolver.js";
import type { ErrorCode } from "../errors.js";
import type { AccessMap } from "./access/access.js";

/** One thing that was refused, for the security events. */
export interface Refusal {
  readonly code: ErrorCode;
  /** `Type.field`. */
  readonly field: string;
  readonly permission?: string | undefined;
  /** The instance that an operation was refused on. */
  readonly instanceId?: string;
}

export interface ContextDeps {
  readonly planner: Planner;
  readonly clock: { now(): Date };
  readonly actionOf: AccessMap["actionOf"];
  readonly environmentOf: (instanceId: string) => Promise<string | null>;
}

// Apollo copies the context field by field, which #private fields would not survive.
export class RequestContext implements ReadContext, CallContext {
  /** What the actor may do; within the answer of a sign-in, what the new one may. */
  access: Access;
  /** By field and instance, so that a list refuses a field once. */
  readonly refusals = new Map<string, Refusal>();
  /** By response key, its mutations that were done, or perhaps. */
  readonly changed = new Set<string | number>();
  /** The coerced variables, once the operation is known. */
  variables: Variables = {};
  private readonly calls = new Map<string | number, Call>();
  private cachedReads: Reads | undefined;
  private cachedAllowance: Allowance | undefined;
  /** What the mutations of the request may answer together. */
  private objects = 0;
  private environments: DataLoader<string, string | null> | undefined;

  constructor(
    readonly actor: Actor,
    readonly origin: Origin,
    private readonly deps: ContextDeps,
  ) {
    this.access = accessOf(actor);
  }

  /** In whose name the cache keeps what the request brings. */
  get holder(): string {
    return this.actor.kind === "user" ? this.access.holder : networkOf(this.origin.ipAddress);
  }

  get allowance(): Allowance {
    this.cachedAllowance ??= this.deps.planner.allowance();
    return this.cachedAllowance;
  }

  get reads(): Reads {
    this.cachedReads ??= this.deps.planner.reads(this.access, this.allowance);
    return this.cachedReads;
  }

  call(info: GraphQLResolveInfo, args: Readonly<Record<string, unknown>>): Call {
    const { key } = info.path;
    let call = this.calls.get(key);
    if (!call) {
      call = {
        actor: this.actor,
        origin: this.origin,
        action: this.deps.actionOf(info.fieldName) ?? info.fieldName,
        parameters: withoutSecrets(args.input),
        startedAtMs: this.deps.clock.now().getTime(),
      };
      this.calls.set(key, call);
    }
    return call;
  }

  /** The environment of the instance with this id or identifier, or null; loaded once for the request. */
  environmentOf(instanceId: string): Promise<string | null> {
    this.environments ??= new DataLoader((ids) => Promise.all(ids.map((id) => this.deps.environmentOf(id))));
    return this.environments.load(instanceId);
  }

  /** Plans reads without running them. @throws FORBIDDEN, BAD_USER_INPUT, LIMIT_EXCEEDED */
  preflight(units: readonly Unit[], values: readonly unknown[], info: GraphQLResolveInfo): void {
    const { operation, fragments, variableValues: variables } = info;
    const payload = this.deps.planner.payload({ operation, fragments, variables, access: this.access }, units);
    this.objects = payload.requireAnswerable(values, this.objects);
  }

  /** What the root field under way answers is read as this actor, who has just signed in; the next root field is not. */
  answerAs(actor: Actor): void {
    this.access = accessOf(actor);
    this.cachedReads = undefined;
  }

  refuse(refusal: Refusal): void {
    this.refusals.set(`${refusal.field} ${refusal.instanceId ?? ""}`, refusal);
  }
}
