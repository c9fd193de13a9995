/** What Postern asks of whatever sees and operates instances. Everything is asynchronous, throttled by others, and may be asked twice. */
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

export interface Member {
  readonly name: string;
  readonly role: MemberRole;
  readonly endpoint: Endpoint | null;
  /** `available`; `catching-up` and `paused` of a standby that does not replay; `rebuilding`, `starting`, `failed`, `stopped`; `unknown`. */
  readonly status: string;
  /** How much of its primary's log a standby has not replayed; null where that is not known. */
  readonly lagBytes: number | null;
  /** How old what a standby shows is; 0 where it has replayed all that there is. */
  readonly lagSeconds: number | null;
  /** Whether a standby replays what its primary sends; null of a primary. */
  readonly replaying: boolean | null;
  /** Why it is not well; null where it is. */
  readonly lastError: string | null;
  /** Since when it has this status, as far as the provider saw it (RFC 3339). */
  readonly since: string | null;
}

/** What of a member is known where nobody looks at it. */
export const UNOBSERVED = {
  status: "unknown",
  lagBytes: null,
  lagSeconds: null,
  replaying: null,
  lastError: null,
  since: null,
} as const satisfies Partial<Member>;

/** Something about an instance that people should look at, as long as it is the case. */
export interface Finding {
  /** A stable word in snake case, such as `standby_not_replaying`; at most 64 characters. */
  readonly kind: string;
  readonly severity: AlertSeverity;
  /** What of the instance it is about, such as a member's name; null: all of it. One of each kind and subject is told. */
  readonly subject: string | null;
  /** The cause, and what to do: for people, no secrets. */
  readonly detail: string;
}

/** When an instance is failed over without anybody asking. */
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
  /** The provider's own word, in lower case: `available`, `rebooting`, ...; an open list. */
  readonly status: string;
  readonly endpoint: Endpoint | null;
  readonly members: readonly Member[];
  readonly tags: readonly Tag[];
  /** `hh:mm-hh:mm`, UTC. */
  readonly backupWindow: string | null;
  /** The backup window that waits for the maintenance window. */
  readonly pendingBackupWindow: string | null;
  /** `ddd:hh:mm-ddd:hh:mm`, UTC. */
  readonly maintenanceWindow: string | null;
  readonly backupRetentionDays: number | null;
  /** Null where people alone fail it over. */
  readonly autoFailover: AutoFailover | null;
  readonly findings: readonly Finding[];
}

/** Something that a provider did to an instance by itself, for the record. */
export interface Deed {
  readonly providerId: string;
  /** Which part of Postern did it, such as `repair` or `failover`: the name of the system in the audit record. */
  readonly by: string;
  /** `instance.<verb>`, such as `instance.rebuildStandby`. */
  readonly action: string;
  /** What came of it, or why it failed; no secrets. */
  readonly result: Readonly<Record<string, unknown>>;
  readonly success: boolean;
  /** Where it matters for security: also a security event. */
  readonly event?: {
    /** In the style of the OWASP Logging Vocabulary, such as `instance_split_brain`; at most 50 characters. */
    readonly eventType: string;
    readonly eventStatus: EventStatus;
  };
}

/** Writes a deed down for good. Never throws: what cannot be kept anywhere is logged. */
export type Report = (deed: Deed) => Promise<void>;

export interface SnapshotDescription {
  /** Tells it from others that had its identifier before it, or will have it after it. */
  readonly uid: string;
  readonly identifier: string;
  /** ARN, or the path of a local one. */
  readonly arn: string;
  /** `creating`, `available`, `deleting`, `failed`, ... */
  readonly status: string;
  readonly sizeBytes: number | null;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly tags: readonly Tag[];
  /** Taken in the backup window, and removed when its retention is over. */
  readonly automated: boolean;
}

/** Which snapshot is meant. Another one that has its identifier meanwhile is not; without `snapshotUid`, whichever has it. */
export interface SnapshotNamed {
  readonly snapshotId: string;
  readonly snapshotUid?: string | undefined;
}

/** What an operation asks of the provider. `operationId` makes it safe to ask twice. `providerId` is the instance, which may be gone where the operation is one of its snapshots. */
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
      /** Replication slots that the standby does not have may go; otherwise a failover that loses some is refused. */
      readonly acceptSlotLoss?: boolean | undefined;
      /** Nobody asked but Postern itself, for the primary has failed: what runs on the instance is given up. */
      readonly automatic?: boolean | undefined;
    }
  | { readonly type: "MODIFY_BACKUP_WINDOW"; readonly backupWindow: string; readonly applyImmediately: boolean }
  | ({ readonly type: "DELETE_SNAPSHOT" } & SnapshotNamed)
  /** Makes another instance, whole or not at all. What is null is the provider's to choose. */
  | (SnapshotNamed & {
      readonly type: "RESTORE_SNAPSHOT";
      /** Of the new instance. */
      readonly identifier: string;
      readonly tags: readonly Tag[];
      readonly backupWindow: string | null;
      readonly maintenanceWindow: string | null;
      readonly backupRetentionDays: number | null;
    })
);

/** An instance whose primary has failed for so long that its standby shall take over. */
export interface FailoverDue {
  readonly providerId: string;
  /** For people. */
  readonly cause: string;
  /** RFC 3339. */
  readonly since: string;
}

/** Why an operation failed at the provider: data for the operation, not an error of Postern. */
export interface ProviderFailure {
  /** The provider's code, such as `InvalidDBInstanceState` or `DiskFull`. */
  readonly code: string;
  /** For people; no secrets. */
  readonly message: string;
}

/** How far an operation has come at the provider. */
export type Poll =
  | {
      readonly state: "running";
      /** What the provider says of the resource: `creating`, `rebooting`, ... */
      readonly resourceStatus: string;
      readonly message: string;
      /** 0 to 100 where known. */
      readonly percent: number | null;
    }
  | {
      readonly state: "succeeded";
      readonly resourceStatus: string;
      readonly message: string;
      /**
       * What came of it: the snapshot; `{ awaySeconds, failedOver, primary }` of a reboot, of a failover
       * `{ lostSlots, notCarried }` too, and where the primary had failed `{ missingFrom, keptAt }`, the position from which its
       * writes are lost and where its data are kept; `{ backupWindow, pendingBackupWindow }`; `{ identifier, providerId }` of a
       * restored instance.
       */
      readonly result: Readonly<Record<string, unknown>>;
      readonly snapshot?: SnapshotDescription;
    }
  | { readonly state: "failed"; readonly resourceStatus: string; readonly failure: ProviderFailure }
  /** The provider has never heard of this operation: it may be started (again). */
  | { readonly state: "unknown" };

export interface Provider {
  readonly name: string;
  /** What its instances can do at all. */
  readonly operations: readonly OperationType[];
  /** Whether the provider itself takes automated snapshots in the backup window; else Postern's scheduler does. */
  readonly takesAutomatedSnapshots: boolean;
  /** Says who is told of what the provider does by itself; called before anything else. */
  reportTo(report: Report): void;
  /** What the provider itself has to see to from time to time; called once a minute. @throws UNAVAILABLE */
  upkeep(): Promise<void>;
  /** Looks at what cannot wait for upkeep; called every few seconds, one look at a time. @returns what is to fail over now */
  watch(): Promise<readonly FailoverDue[]>;
  /** Every instance that the provider has. @throws UNAVAILABLE */
  list(): Promise<InstanceDescription[]>;
  /** @returns the instance, or null where it is gone @throws UNAVAILABLE */
  describe(providerId: string): Promise<InstanceDescription | null>;
  /**
   * The last lines of a member's log as it is now, the oldest first, without secrets.
   * @returns null where there is no such member, or no log of it @throws UNAVAILABLE
   */
  logTail(providerId: string, member: string, lines: number): Promise<readonly string[] | null>;
  /** Snapshots of an instance, also of one that is gone. @throws UNAVAILABLE */
  listSnapshots(providerId: string): Promise<SnapshotDescription[]>;
  /** Removes a snapshot; one that is gone is no fault. @throws UNAVAILABLE, also while it is being restored */
  deleteSnapshot(providerId: string, snapshot: SnapshotNamed): Promise<void>;
  /**
   * Begins an operation and returns at once; the same operationId again changes nothing.
   * @throws UNAVAILABLE, safe to ask again; every other refusal is told by the next poll as `failed`
   */
  start(request: OperationRequest): Promise<void>;
  /** How far the operation has come; also after this process was killed and started again. @throws UNAVAILABLE */
  poll(request: OperationRequest): Promise<Poll>;
}
