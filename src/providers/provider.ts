/** Defines the interface through which Postern sees and operates instances. Every call is asynchronous and may be made twice. */
import type { AlertSeverity } from "../values/instances.js";
import type { OperationRequest, OperationType } from "../values/operations/declarations.js";
import type { Tag } from "../values/tags.js";
import type { Report } from "./deed.js";
import type { Endpoint, ProviderMember } from "./member.js";
import type { ProviderSnapshotName, ScopeSnapshot, SnapshotDescription } from "./snapshot.js";

export type { OperationRequest, ProviderSnapshotName, ScopeSnapshot, SnapshotDescription, Tag };

/** A problem of an instance that people should look at. It is listed as long as it lasts. */
export interface Finding {
  /** A stable word in snake case, such as `standby_not_replaying`; at most 64 characters. */
  readonly kind: string;
  readonly severity: AlertSeverity;
  /** The part of the instance that it is about, such as a member's name; null for all of it. Each kind and subject is listed once. */
  readonly subject: string | null;
  /** The cause and what to do, for people, without secrets. */
  readonly detail: string;
}

/** The named set of settings that an instance has. */
export interface ProviderParameterGroup {
  readonly name: string;
  /** `in-sync`, `applying`, or `pending-reboot` where settings wait for a restart; the list is open. */
  readonly status: string;
}

/** When Postern fails an instance over by itself. */
export interface AutoFailover {
  readonly afterSeconds: number;
  readonly maxLagBytes: number;
}

/** The cluster that an instance is a member of. One that is made anew under the same name has the same ARN, but another resource id. */
export interface ProviderCluster {
  readonly identifier: string;
  readonly arn: string;
  readonly resourceId?: string;
  readonly tags: readonly Tag[];
  /** `ddd:hh:mm-ddd:hh:mm`, UTC. It is the cluster's own: its backup window must not overlap it, whatever the members' are. */
  readonly maintenanceWindow?: string | null;
}

/** An account in one region. Each scope is listed alone, because it may fail alone. A snapshot's identifier is unique in it. */
export interface ProviderScope {
  readonly accountId: string;
  readonly region: string | null;
  /** What people call the account; null where it has no name. */
  readonly name: string | null;
}

/** How a scope is listed. `signal` ends that, where nobody waits for it any more; `onCall` is called at each call to the provider. */
export interface ScopeListing {
  readonly onCall?: (() => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Is told which instances are left out as they cannot be described now, and why; without it they throw. */
  readonly onUndescribed?: ((providerIds: readonly string[], why: ProviderFailure) => void) | undefined;
  readonly known?: readonly string[] | undefined;
}

/** An instance as its provider sees it now. */
export interface InstanceDescription {
  /** The provider's own stable id; identifiers can be renamed. */
  readonly providerId: string;
  readonly identifier: string;
  /** The Amazon Resource Name; null where the provider has none. */
  readonly arn: string | null;
  readonly accountId: string | null;
  readonly region: string | null;
  /** `postgres`, `mysql`, ... */
  readonly engine: string;
  readonly engineVersion: string;
  readonly instanceClass: string | null;
  readonly parameterGroup: ProviderParameterGroup | null;
  /** The new class that is applied in the maintenance window. */
  readonly pendingInstanceClass: string | null;
  readonly storageGiB: number | null;
  /** Whether it has a standby to fail over to. */
  readonly multiAz: boolean;
  /** The provider's own word in lower case, such as `available` or `rebooting`; the list is open. */
  readonly status: string;
  readonly endpoint: Endpoint | null;
  /** Its primary and standbys; where it is a member of a cluster, all members of the cluster. */
  readonly members: readonly ProviderMember[];
  readonly cluster: ProviderCluster | null;
  readonly tags: readonly Tag[];
  /** `hh:mm-hh:mm`, UTC. */
  readonly backupWindow: string | null;
  /** The new backup window that is applied in the maintenance window. */
  readonly pendingBackupWindow: string | null;
  /** `ddd:hh:mm-ddd:hh:mm`, UTC. */
  readonly maintenanceWindow: string | null;
  readonly backupRetentionDays: number | null;
  /** Null where only people fail it over. */
  readonly autoFailover: AutoFailover | null;
  readonly findings: readonly Finding[];
}

/** An instance whose primary has failed for so long that its standby should take over. */
export interface FailoverDue {
  readonly providerId: string;
  /** Why the primary has failed, for people. */
  readonly cause: string;
  /** RFC 3339. */
  readonly since: string;
}

/** Why an operation failed at the provider. It is data of the operation and no error of Postern. */
export interface ProviderFailure {
  /** The provider's code, such as `InvalidDBInstanceState` or `DiskFull`. */
  readonly code: string;
  /** A text for people, without secrets. */
  readonly message: string;
}

/** What the provider saw of the instance before it was asked, as plain JSON: with it a poll tells later whether that was done. */
export interface Sight {
  /** What there is of an operation of which a part is done already, as sentences for people. */
  readonly unfinished?: string;
  /** Why the provider refuses it for certain, so that it is not asked; null where nothing is known against it. */
  readonly refusal?: ProviderFailure | null;
  readonly [fact: string]: unknown;
}

/** That an operation is about to be asked for. It is committed before, so that whoever goes on after a crash does not ask twice. */
export interface Intent {
  /** RFC 3339, by the database's clock. */
  readonly askedAt: string;
  readonly saw: Sight;
}

/** What goes on in an instance now. */
export interface InstanceFigures {
  /** Sessions of clients that run a statement. */
  readonly activeSessions: number;
  /** Transactions of clients that are older than a minute. */
  readonly oldTransactions: number;
  readonly preparedTransactions: number;
  /** Of the standby that is furthest behind; null without one. */
  readonly replicationLagBytes: number | null;
  readonly replicationLagSeconds: number | null;
}

/** A restore that the provider was asked for. */
export interface AskedRestore {
  readonly operationId: string;
  /** The identifier of the new instance. */
  readonly identifier: string;
}

/** How far an operation has come at the provider. */
export type Poll =
  | {
      readonly state: "running";
      /** The provider's status of the resource, such as `creating` or `rebooting`. */
      readonly resourceStatus: string;
      readonly message: string;
      /** From 0 to 100, or null where it is not known. */
      readonly percent: number | null;
    }
  | {
      readonly state: "succeeded";
      readonly resourceStatus: string;
      readonly message: string;
      /**
       * The outcome, by type of operation:
       * - a reboot: `{ awaySeconds, failedOver, primary }`; with a failover `{ lostSlots, notCarried }` too and, where the primary had
       *   failed, `{ missingFrom, keptAt }`: the position from which its writes are lost, and where its data is kept
       * - a stop: `{ stoppedAt, startsAgainAt }`, RFC 3339; the provider starts it by itself then, or never where that is null
       * - a start: `{ startedAt, primary }`
       * - tags: `{ tags }`, all that the instance has then
       * - a backup window: `{ backupWindow, pendingBackupWindow }`
       * - a class: `{ instanceClass, pendingInstanceClass }`, and on `local` `{ awaySeconds }` too where servers were restarted
       * - a parameter group: `{ parameterGroup: { name, status } }`
       * - a snapshot: its description; a restored instance: `{ identifier, providerId }`
       */
      readonly result: Readonly<Record<string, unknown>>;
      readonly snapshot?: SnapshotDescription;
    }
  | {
      readonly state: "failed";
      readonly resourceStatus: string;
      readonly failure: ProviderFailure;
      /** Of a restore: that for certain nothing was made, and nothing comes any more. */
      readonly isNothingMade?: boolean;
    }
  /** The provider refuses it for now and has done nothing. It becomes `unknown` when it may be asked again. */
  | { readonly state: "deferred"; readonly resourceStatus: string; readonly failure: ProviderFailure }
  /** The provider does not know this operation, so it may be started. */
  | { readonly state: "unknown" };

export interface Provider {
  readonly name: string;
  /** The types of operation that the provider supports. */
  readonly operations: readonly OperationType[];
  readonly scopes: readonly ProviderScope[];
  /** How often scopes are listed. */
  readonly discovery: { readonly everySeconds: number; readonly snapshotsEverySeconds: number };
  /** Whether the provider itself takes automated snapshots in the backup window; otherwise Postern's scheduler does. */
  readonly takesAutomatedSnapshots: boolean;
  /** Sets who records what the provider does by itself; called before anything else. */
  reportTo(report: Report): void;
  /** Does the provider's own regular work; called once a minute. @throws UNAVAILABLE */
  upkeep(): Promise<void>;
  /** Looks for failures that cannot wait for upkeep; called every few seconds, one call at a time. @returns what must fail over now */
  watch(): Promise<readonly FailoverDue[]>;
  /** Lists every instance of a scope; one whose id is `known`, and not in the list, is asked for once more. @throws UNAVAILABLE: nothing is known */
  list(scope: ProviderScope, listing?: ScopeListing): Promise<InstanceDescription[]>;
  /** @returns whether a restore has made this instance of the restore's scope, or the cluster that it is a member of @throws UNAVAILABLE */
  isRestoredBy(instance: InstanceDescription, restore: AskedRestore): Promise<boolean>;
  /** @returns the instance, or null where it is gone @throws UNAVAILABLE */
  describe(providerId: string): Promise<InstanceDescription | null>;
  /** @returns the instance, and after it the other members of its cluster; none where it is gone @throws UNAVAILABLE */
  describeWithSiblings(providerId: string): Promise<InstanceDescription[]>;
  /**
   * Reads the last lines of a member's log, the oldest first, without secrets.
   * @returns null where the member or its log does not exist @throws UNAVAILABLE
   */
  logTail(providerId: string, member: string, lines: number): Promise<readonly string[] | null>;
  /** @returns what goes on in an instance; null where the provider does not reach into it @throws anything where it does not answer */
  figures(providerId: string): Promise<InstanceFigures | null>;
  /** Lists the snapshots of an instance, which may be gone itself. @returns null where only its scope's listing tells them @throws UNAVAILABLE */
  listSnapshots(providerId: string): Promise<SnapshotDescription[] | null>;
  /** Lists the snapshots of all instances of a scope, also of those that are gone. @throws UNAVAILABLE */
  listScopeSnapshots(scope: ProviderScope, listing?: ScopeListing): Promise<ScopeSnapshot[]>;
  /** Removes a snapshot, and does nothing where it is gone already. @throws UNAVAILABLE, also while it is being restored */
  deleteSnapshot(providerId: string, snapshot: ProviderSnapshotName): Promise<void>;
  /** Looks at what an operation is about, before it is begun. @throws UNAVAILABLE */
  look(request: OperationRequest): Promise<Sight>;
  /**
   * Begins an operation and returns at once; a second call with the same operationId changes nothing.
   * @throws UNAVAILABLE, after which the next poll tells more; every other refusal is a `failed` or `deferred` operation in the next poll
   */
  start(request: OperationRequest, intent: Intent): Promise<void>;
  /**
   * Tells how far the operation has come, even if this process was restarted since it began. What nobody can tell is `running`.
   * @param intent null where it was never asked for @throws UNAVAILABLE
   */
  poll(request: OperationRequest, intent: Intent | null): Promise<Poll>;
  /**
   * Ends an operation that may be cancelled while it runs, as its declaration says, and removes what is half done. The next poll tells how it
   * has ended: `failed` with the code CancelRequested, or as it had ended before. One that has not begun does not begin any more, and a second
   * call changes nothing. @throws UNAVAILABLE, also where the provider cannot cancel it
   */
  cancel(request: OperationRequest): Promise<void>;
}
