/** Defines the interface through which Postern sees and operates instances. Every call is asynchronous and may be made twice. */
import type { EventStatus } from "../values/event-statuses.js";
import type { AlertSeverity, MemberRole } from "../values/instances.js";
import type { OperationType } from "../values/operations.js";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface Tag {
  readonly key: string;
  readonly value: string;
}

export interface ProviderMember {
  readonly name: string;
  readonly role: MemberRole;
  readonly endpoint: Endpoint | null;
  /** `available`, `rebuilding`, `starting`, `failed`, `stopped`, `unknown`; a standby that does not replay is `catching-up` or `paused`. */
  readonly status: string;
  /** How much WAL of its primary a standby has not replayed; null where that is not known. */
  readonly lagBytes: number | null;
  /** How old the data is that a standby shows; 0 where it has replayed all WAL. */
  readonly lagSeconds: number | null;
  /** Whether a standby replays what its primary sends; null for a primary. */
  readonly replaying: boolean | null;
  /** Why the member is not well; null where it is. */
  readonly lastError: string | null;
  /** Since when it has this status, as far as the provider saw it (RFC 3339). */
  readonly since: string | null;
}

/** The state of a member that nobody has observed. */
export const UNOBSERVED_MEMBER = {
  status: "unknown",
  lagBytes: null,
  lagSeconds: null,
  replaying: null,
  lastError: null,
  since: null,
} as const satisfies Partial<ProviderMember>;

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

/** When Postern fails an instance over by itself. */
export interface AutoFailover {
  readonly afterSeconds: number;
  readonly maxLagBytes: number;
}

/** An instance as its provider sees it now. */
export interface InstanceDescription {
  /** The provider's own stable id; identifiers can be renamed. */
  readonly providerId: string;
  readonly identifier: string;
  readonly accountId: string | null;
  readonly region: string | null;
  /** `postgres`, `mysql`, ... */
  readonly engine: string;
  readonly engineVersion: string;
  readonly instanceClass: string | null;
  readonly storageGiB: number | null;
  /** Whether it has a standby to fail over to. */
  readonly multiAz: boolean;
  /** The provider's own word in lower case, such as `available` or `rebooting`; the list is open. */
  readonly status: string;
  readonly endpoint: Endpoint | null;
  readonly members: readonly ProviderMember[];
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

/** Something that a provider did to an instance by itself, for the audit log. */
export interface Deed {
  readonly providerId: string;
  /** The part of Postern that did it, such as `repair` or `failover`; the audit record names it as the actor. */
  readonly by: string;
  /** `instance.<verb>`, such as `instance.rebuildStandby`. */
  readonly action: string;
  /** The outcome, or why it failed, without secrets. */
  readonly result: Readonly<Record<string, unknown>>;
  readonly success: boolean;
  /** The security event to record too, if it matters for security. */
  readonly event?: {
    /** In the style of the OWASP Logging Vocabulary, such as `instance_split_brain`; at most 50 characters. */
    readonly eventType: string;
    readonly eventStatus: EventStatus;
  };
}

/** Records a deed durably. It never throws: a deed that cannot be recorded is logged. */
export type Report = (deed: Deed) => Promise<void>;

export interface SnapshotDescription {
  /** Differs for every snapshot, while an identifier can be used again after a snapshot is deleted. */
  readonly uid: string;
  readonly identifier: string;
  /** The ARN, or the path of a local snapshot. */
  readonly arn: string;
  /** `creating`, `available`, `deleting`, `failed`, ... */
  readonly status: string;
  readonly sizeBytes: number | null;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly tags: readonly Tag[];
  /** Whether it was taken in the backup window; it is then removed when its retention is over. */
  readonly automated: boolean;
}

/** Names a snapshot. With `snapshotUid`, a later snapshot with the same identifier is not meant. */
export interface ProviderSnapshotName {
  readonly snapshotId: string;
  readonly snapshotUid?: string | undefined;
}

/** What an operation asks of the provider. `operationId` makes it safe to ask twice. The instance may be gone for operations on its snapshots. */
export type OperationRequest = { readonly operationId: string; readonly providerId: string } & (
  | {
      readonly type: "CREATE_SNAPSHOT";
      readonly snapshotId: string;
      readonly tags: readonly Tag[];
      readonly automated: boolean;
    }
  | {
      readonly type: "REBOOT_INSTANCE";
      readonly forceFailover: boolean;
      /** Accepts the loss of replication slots that the standby does not have; otherwise such a failover is refused. */
      readonly acceptSlotLoss?: boolean | undefined;
      /** Set where Postern itself asks because the primary has failed; other operations on the instance are then ended. */
      readonly automatic?: boolean | undefined;
    }
  | { readonly type: "MODIFY_BACKUP_WINDOW"; readonly backupWindow: string; readonly applyImmediately: boolean }
  | ({ readonly type: "DELETE_SNAPSHOT" } & ProviderSnapshotName)
  /** Makes another instance, whole or not at all. The provider chooses what is null. */
  | (ProviderSnapshotName & {
      readonly type: "RESTORE_SNAPSHOT";
      /** The identifier of the new instance. */
      readonly identifier: string;
      readonly tags: readonly Tag[];
      readonly backupWindow: string | null;
      readonly maintenanceWindow: string | null;
      readonly backupRetentionDays: number | null;
    })
);

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
       * - a backup window: `{ backupWindow, pendingBackupWindow }`
       * - a snapshot: its description; a restored instance: `{ identifier, providerId }`
       */
      readonly result: Readonly<Record<string, unknown>>;
      readonly snapshot?: SnapshotDescription;
    }
  | { readonly state: "failed"; readonly resourceStatus: string; readonly failure: ProviderFailure }
  /** The provider does not know this operation, so it may be started. */
  | { readonly state: "unknown" };

export interface Provider {
  readonly name: string;
  /** The types of operation that the provider supports. */
  readonly operations: readonly OperationType[];
  /** Whether the provider itself takes automated snapshots in the backup window; otherwise Postern's scheduler does. */
  readonly takesAutomatedSnapshots: boolean;
  /** Sets who records what the provider does by itself; called before anything else. */
  reportTo(report: Report): void;
  /** Does the provider's own regular work; called once a minute. @throws UNAVAILABLE */
  upkeep(): Promise<void>;
  /** Looks for failures that cannot wait for upkeep; called every few seconds, one call at a time. @returns what must fail over now */
  watch(): Promise<readonly FailoverDue[]>;
  /** Lists every instance of the provider. @throws UNAVAILABLE */
  list(): Promise<InstanceDescription[]>;
  /** @returns the instance, or null where it is gone @throws UNAVAILABLE */
  describe(providerId: string): Promise<InstanceDescription | null>;
  /**
   * Reads the last lines of a member's log, the oldest first, without secrets.
   * @returns null where the member or its log does not exist @throws UNAVAILABLE
   */
  logTail(providerId: string, member: string, lines: number): Promise<readonly string[] | null>;
  /** Lists the snapshots of an instance, which may be gone itself. @throws UNAVAILABLE */
  listSnapshots(providerId: string): Promise<SnapshotDescription[]>;
  /** Removes a snapshot, and does nothing where it is gone already. @throws UNAVAILABLE, also while it is being restored */
  deleteSnapshot(providerId: string, snapshot: ProviderSnapshotName): Promise<void>;
  /**
   * Begins an operation and returns at once; a second call with the same operationId changes nothing.
   * @throws UNAVAILABLE, after which the caller may try again; every other refusal is a `failed` operation in the next poll
   */
  start(request: OperationRequest): Promise<void>;
  /** Tells how far the operation has come, even if this process was restarted since it began. @throws UNAVAILABLE */
  poll(request: OperationRequest): Promise<Poll>;
}
