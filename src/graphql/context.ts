/** The context of a request: its actor, its reads, its calls, and what was refused to it. */
import type { GraphQLResolveInfo } from "graphql";
import { type Call, type CallOrigin, callWithoutSecrets } from "../audit/call.js";
import { type Actor, type ActorAccess, accessOfActor } from "../auth/actor.js";
import type { Authentication } from "../auth/authenticate.js";
import type { Planner } from "../engine/read/planner.js";
import type { QueryVariables } from "../engine/read/query-value.js";
import type { Reads, ReadsAllowance } from "../engine/read/reads.js";
import type { Unit } from "../engine/read/unit.js";
import type { CallContext } from "../engine/types/current-call.js";
import type { ReadContext } from "../engine/types/read-resolver.js";
import type { ErrorCode } from "../errors.js";
import { networkOf } from "../values/caller.js";
import type { AccessMap } from "./access/access.js";
import { RateNotes } from "./rate-notes.js";

/** A refusal, of which a security event is recorded. */
export interface Refusal {
  readonly code: ErrorCode;
  /** The refused field as `Type.field`. */
  readonly field: string;
  readonly permission?: string | undefined;
  /** The instance on which an operation was refused. */
  readonly instanceId?: string;
}

export interface ContextDeps {
  readonly planner: Planner;
  readonly clock: { now(): Date };
  readonly actionOf: AccessMap["actionOf"];
  readonly environmentOf: (by: "instanceId" | "operationId", name: string) => Promise<string | null>;
  readonly signedOut: Authentication["signedOut"];
}

// The fields are not #private, because Apollo copies the context field by field.
export class RequestContext implements ReadContext, CallContext {
  /** The access of the actor; while the payload of a sign-in is read, the access of the user who has just signed in. */
  access: ActorAccess;
  /** The refusals by field, permission and instance, so that a list that refuses a field for each item leaves one. */
  readonly refusals = new Map<string, Refusal>();
  /** The response keys of mutations that changed something, or may have. */
  readonly changed = new Set<string | number>();
  /** What limits of the rate say about the request. Apollo's copies of this context share it. */
  readonly rates = new RateNotes();
  /** The coerced variables, once the operation is known. */
  variables: QueryVariables = {};
  private readonly calls = new Map<string | number, Call>();
  private cachedReads: Reads | undefined;
  private cachedAllowance: ReadsAllowance | undefined;
  /** The number of objects that the request's mutations may answer so far. */
  private objects = 0;
  private readonly environments = new Map<string, Promise<string | null>>();

  constructor(
    readonly actor: Actor,
    readonly origin: CallOrigin,
    private readonly deps: ContextDeps,
  ) {
    this.access = accessOfActor(actor);
  }

  /** The name under which the cache keeps what the request brings: the user, or the network of an anonymous client. */
  get holder(): string {
    return this.actor.kind === "user" ? this.access.holder : networkOf(this.origin.ipAddress);
  }

  /** Why the actor is signed in no more; undefined where they still are, or never were. */
  get signedOut(): string | undefined {
    return this.deps.signedOut(this.actor);
  }

  get allowance(): ReadsAllowance {
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
        parameters: callWithoutSecrets(args.input),
        startedAtMs: this.deps.clock.now().getTime(),
      };
      this.calls.set(key, call);
    }
    return call;
  }

  /** Returns the environment of the instance that an argument names, or null. It loads each once. */
  environmentOf(by: "instanceId" | "operationId", name: string): Promise<string | null> {
    const key = `${by} ${name}`;
    const environment = this.environments.get(key) ?? this.deps.environmentOf(by, name);
    this.environments.set(key, environment);
    return environment;
  }

  /** Plans the reads of a payload without running them. @throws FORBIDDEN, BAD_USER_INPUT, LIMIT_EXCEEDED */
  preflight(units: readonly Unit[], values: readonly unknown[], info: GraphQLResolveInfo): void {
    const { operation, fragments, variableValues: variables } = info;
    const payload = this.deps.planner.payload({ operation, fragments, variables, access: this.access }, units);
    this.objects = payload.requireAnswerable(values, this.objects);
  }

  /** Has the payload of the root field under way read as this actor. The next root field starts again as the request's own actor. */
  answerAs(actor: Actor): void {
    this.access = accessOfActor(actor);
    this.cachedReads = undefined;
    if (actor !== this.actor) this.rates.signedIn = actor;
  }

  refuse(refusal: Refusal): void {
    const { field, permission = "", instanceId = "" } = refusal;
    this.refusals.set(`${field} ${permission} ${instanceId}`, refusal);
  }
}
