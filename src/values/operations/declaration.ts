/** The shape in which a type of operation is declared. Its mutation, its availability, its request and its time-out derive from that. */
import type { z } from "zod";
import type { AppError } from "../../errors.js";
import type { Environment } from "../environments.js";
import type { Tag, TagChange } from "../tags.js";

/**
 * What an operation works on. Operations on the servers of an instance wait only for each other, and so do those on its snapshots, which
 * need no instance.
 */
export type OperationLane = "servers" | "snapshots";

/** What is declared for each provider. */
export type ByProvider<T> = Readonly<Record<"local" | "aws-rds", T>>;

/** @returns what is declared for a provider */
export const ofProvider = <D extends Partial<ByProvider<unknown>>>(
  declared: D,
  provider: string,
): D["local" | "aws-rds"] => declared[provider === "aws-rds" ? provider : "local"];

/** For how long clients of an instance may be without it. */
export const OUTAGES = ["NONE", "SECONDS", "MINUTES"] as const;
export type Outage = (typeof OUTAGES)[number];

/** What an operation would do to an instance. */
export interface PlannedWork {
  readonly outage: Outage;
  /** Why the outage is what it is, as a sentence for people. */
  readonly reason: string;
  /** What its provider is asked to change, in order: actions of AWS such as `rds:CreateDBSnapshot`, or steps such as `local:checkpoint`. */
  readonly calls: readonly string[];
  /** What people should know of it beside that, as sentences. */
  readonly warnings?: readonly string[];
}

/** Plans an operation, by provider. Each is a pure function of what is stored, so that the same facts give the same plan. */
interface Planning<P> {
  local(instance: InstanceFacts, parameters: P): PlannedWork;
  "aws-rds"(instance: InstanceFacts, parameters: P): PlannedWork;
}

/** The facts of an instance that decide whether an operation may run on it. */
export interface OperabilityFacts {
  readonly provider: string;
  readonly environment: string;
  readonly status: string;
  readonly multiAz: boolean;
  readonly members: readonly { readonly role: string }[];
  readonly vanishedAt: string | null;
  readonly scopeRemoved: boolean;
}

/** What the parameters of an operation are made of. */
export interface InstanceFacts extends OperabilityFacts {
  readonly providerId: string;
  readonly identifier: string;
  readonly engine: string;
  readonly engineVersion: string;
  readonly instanceClass: string | null;
  readonly members: readonly { readonly name: string; readonly role: string }[];
  readonly tags: readonly Tag[];
  readonly backupWindow: string | null;
  readonly maintenanceWindow: string | null;
  readonly backupRetentionDays: number | null;
  /** The cluster that it is a member of; null for one that stands alone. */
  readonly cluster: { readonly maintenanceWindow?: string | null } | null;
}

/** A snapshot of the instance that an operation names. */
export interface NamedSnapshot {
  readonly identifier: string;
  readonly uid: string;
  readonly status: string;
  readonly tags: readonly Tag[];
  /** Whether the schedule took it, and not a person. */
  readonly automated: boolean;
  /** What its instance counted as when it was seen first; null where that is not known. */
  readonly environment: Environment | null;
}

/** What else the parameters of an operation are made of, in the transaction that accepts it. */
export interface PreparationContext {
  readonly now: Date;
  /** Six random hexadecimal digits. */
  readonly digits: string;
  /** Takes the identifier of a new snapshot for this operation. @throws CONFLICT where it is taken, whatever its case */
  claimSnapshotIdentifier(identifier: string): Promise<void>;
  /** Takes the identifier of a new instance for this operation. @throws CONFLICT where it is taken, whatever its case */
  claimInstanceIdentifier(identifier: string): Promise<void>;
  /** @returns the snapshot of the instance that has this identifier now, whatever its case, or null */
  findSnapshot(identifier: string): Promise<NamedSnapshot | null>;
  /** @returns the tags of a copy of the instance under another identifier @throws FAILED_PRECONDITION where it would be less protected */
  requireCopyTags(identifier: string, snapshot: NamedSnapshot): Promise<readonly Tag[]>;
  /** @returns what other tags of the instance loosen, as two administrators have agreed @throws FORBIDDEN where they have not */
  requireAgreedTags(change: TagChange): Promise<readonly string[]>;
}

interface Declared<T extends string, P extends z.ZodObject, I> {
  /** The word by which it is stored and told. */
  readonly type: T;
  readonly description: string;
  readonly mutation: {
    readonly name: string;
    readonly description: string;
    /** The description of the argument. */
    readonly what: string;
    readonly input: { readonly name: string; readonly description: string };
  };
  /** The mutation that requests it on many instances, where there is one; it has the fields of its input but those `without`. */
  readonly bulk?: { readonly name: string; readonly description: string; readonly without?: readonly string[] };
  readonly lane: OperationLane;
  /** The statuses of an instance in which it may be requested, by provider; others allow nothing. Null where the instance does not matter. */
  readonly statuses: ByProvider<ReadonlySet<string>> | null;
  /** What to do about a status in which it may not be requested, where that is not the usual, as a sentence; `other` is for those that pass. */
  readonly remedies?: Readonly<Record<string, string>>;
  /** How many seconds it is watched, by provider, where that is not the usual. */
  readonly watchedSeconds?: Partial<ByProvider<number>>;
  /**
   * What people do instead of cancelling it while it runs, by provider; null where the provider ends it then, and leaves nothing of it half
   * done.
   */
  readonly insteadOfCancelling: ByProvider<string | null>;
  /** The minutes that a person would take to do it at its provider, for the estimate of what operations save. */
  readonly minutesByHand: number;
  /** What its provider is asked, as it is stored. */
  readonly parameters: P;
  /** Why it may not be requested on this instance, beyond its status; null where it may. */
  assess?(instance: OperabilityFacts, input: I): AppError | null;
  /** Whether it concerns the cluster of a member as a whole. */
  concernsCluster(parameters: z.output<P>): boolean;
  /** Whether it changes what environments are decided by, so that nothing else does so while it is accepted. */
  readonly changesEnvironments?: true;
  /** Checks the form of the input, before anything is read. @throws BAD_USER_INPUT */
  check?(input: I): void;
  /** Makes the parameters, once the instance is locked. @throws BAD_USER_INPUT, NOT_FOUND, CONFLICT, FAILED_PRECONDITION */
  prepare(context: PreparationContext, instance: InstanceFacts, input: I): Promise<z.output<P>>;
  readonly plan: Planning<z.output<P>>;
  /** What to check and to do, by the codes of failures that it alone has. */
  readonly guidance: Readonly<Record<string, string>>;
}

/** A type of operation. Its functions take what its own input has checked. */
export interface OperationDeclaration<T extends string = string, P extends z.ZodObject = z.ZodObject>
  extends Omit<Declared<T, P, never>, "mutation" | "assess" | "check" | "prepare"> {
  readonly mutation: Declared<T, P, never>["mutation"] & {
    readonly input: { readonly fields: z.core.$ZodShape };
  };
  assess(instance: OperabilityFacts, input: unknown): AppError | null;
  check(input: unknown): void;
  prepare(context: PreparationContext, instance: InstanceFacts, input: unknown): Promise<z.output<P>>;
}

/** Declares a type of operation. @param fields the fields of its input beside those that all requests share */
export function declareOperation<
  const T extends string,
  const L extends OperationLane,
  P extends z.ZodObject,
  F extends z.core.$ZodShape,
>(
  fields: F,
  declared: Declared<T, P, z.output<z.ZodObject<F>>> & { readonly lane: L },
): OperationDeclaration<T, P> & { readonly lane: L } {
  type Input = z.output<z.ZodObject<F>>;
  const { mutation } = declared;
  return {
    ...declared,
    mutation: { ...mutation, input: { ...mutation.input, fields } },
    assess: (instance, input) => declared.assess?.(instance, input as Input) ?? null,
    check: (input) => declared.check?.(input as Input),
    prepare: (context, instance, input) => declared.prepare(context, instance, input as Input),
  };
}

/** In these statuses an instance will soon be available. Operations are accepted, and wait until it is. */
export const STARTING_STATUSES: readonly string[] = ["creating", "starting"];
