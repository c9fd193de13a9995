/** What Postern asks of whatever sees and operates instances. Everything is asynchronous, throttled by others, and may be asked twice. */
export const OPERATION_TYPES = ["CREATE_SNAPSHOT", "REBOOT_INSTANCE", "MODIFY_BACKUP_WINDOW"] as const;
export type OperationType = (typeof OPERATION_TYPES)[number];

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
  readonly role: "PRIMARY" | "STANDBY";
  readonly endpoint: Endpoint | null;
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
}

export interface SnapshotDescription {
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

/** What an operation asks of the provider. `operationId` makes it safe to ask twice. */
export type OperationRequest = { readonly operationId: string; readonly providerId: string } & (
  | {
      readonly type: "CREATE_SNAPSHOT";
      readonly snapshotId: string;
      readonly tags: readonly Tag[];
      readonly automated: boolean;
    }
  | { readonly type: "REBOOT_INSTANCE"; readonly forceFailover: boolean }
  | { readonly type: "MODIFY_BACKUP_WINDOW"; readonly backupWindow: string; readonly applyImmediately: boolean }
);

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
       * What came of it: the snapshot; `{ awaySeconds, failedOver, primary }` of a reboot; `{ backupWindow, pendingBackupWindow }`.
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
  /** What the provider itself has to see to from time to time; called once a minute. @throws UNAVAILABLE */
  upkeep(): Promise<void>;
  /** Every instance that the provider has. @throws UNAVAILABLE */
  list(): Promise<InstanceDescription[]>;
  /** @returns the instance, or null where it is gone @throws UNAVAILABLE */
  describe(providerId: string): Promise<InstanceDescription | null>;
  /** Snapshots of an instance. @throws UNAVAILABLE */
  listSnapshots(providerId: string): Promise<SnapshotDescription[]>;
  /** Removes a snapshot; one that is gone is no fault. @throws UNAVAILABLE */
  deleteSnapshot(providerId: string, snapshotId: string): Promise<void>;
  /**
   * Begins an operation and returns at once; the same operationId again changes nothing.
   * @throws UNAVAILABLE, safe to ask again; every other refusal is told by the next poll as `failed`
   */
  start(request: OperationRequest): Promise<void>;
  /** How far the operation has come; also after this process was killed and started again. @throws UNAVAILABLE */
  poll(request: OperationRequest): Promise<Poll>;
}
