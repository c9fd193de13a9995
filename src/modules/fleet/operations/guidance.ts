/** The guidance of failures: what a DBA can do about them. Types of operation have their own besides. */
import { declarationOfOperation, type OperationType } from "../../../values/operations/declarations.js";

const DENIED =
  "AWS does not let Postern do this. Compare the role's trust and policy with what Postern needs, and request it again.";
const BUSY = "AWS took too many calls of this account. Nothing was done: request it again later.";
const ENDED = "The credentials have ended. See where Postern has its AWS credentials from, and request it again.";

const GUIDANCE: Readonly<Record<string, string>> = {
  DBInstanceNotFound: "The provider has this instance no more. Look at the inventory, and at who deleted it.",
  InvalidDBInstanceState:
    "The instance was in a state that does not allow this. See its status, wait until it is available, and request it again.",
  DBSnapshotNotFound: "The snapshot is gone. Look at the snapshots of the instance, and choose another.",
  InvalidDBSnapshotState:
    "The snapshot cannot be used now, or not at all. See the message; wait until its restore has ended, or choose another snapshot, and request it again.",
  StorageFull: "Free space where snapshots are kept, delete old snapshots, or move them, and request it again.",
  InvalidConfiguration:
    "PostgreSQL would not start with its settings, so nothing was touched. Correct what the message names, by ALTER SYSTEM or in the file, and request it again.",
  PrimaryLost:
    "The primary failed while this ran, and is rebooted, or its standby takes over. Wait until that has ended, and request it again.",
  Interrupted:
    "Postern was stopped while this ran, and what was half done has been removed. See that the instance is available, and request it again.",
  AccessDenied:
    "The message says what keeps Postern out. Set that right on the instance's host, or in the role's trust and policy at AWS, and request it again.",
  AccessDeniedException: DENIED,
  UnauthorizedOperation: DENIED,
  InvalidClientTokenId: DENIED,
  SignatureDoesNotMatch: DENIED,
  ExpiredToken: ENDED,
  CredentialsExpired: ENDED,
  CredentialsMissing: "Give Postern AWS credentials, or the account a role, and request it again.",
  Unreachable: "See the network, the region's name and HTTPS_PROXY, and request it again.",
  Throttled: BUSY,
  Throttling: BUSY,
  ThrottlingException: BUSY,
  RequestLimitExceeded: BUSY,
  SlowDown: BUSY,
  InvalidParameterCombination:
    "AWS does not take these together for this instance. See the message and the instance's properties, and request something else.",
  InvalidDBClusterStateFault:
    "The cluster was in a state that does not allow this. See its status, wait until it is available, and request it again.",
  DBClusterNotFoundFault: "AWS has this cluster no more. Look at the inventory, and at who deleted it.",
  ClusterUnknown:
    "Without its cluster nobody knows whether the instance is production. Look in AWS whether the cluster was renamed or deleted, and request it again.",
  KMSKeyNotAccessibleFault:
    "AWS cannot use the key of the instance's storage. Have it enabled and allowed for RDS, and request it again.",
  NotSupported: "This instance's provider cannot do this. Do it at the provider.",
  ResourcesExhausted:
    "See who uses connections and slots of the instance, end what is not needed or raise the limit, and request it again.",
  Cancelled: "Look for whoever or whatever ends sessions on the instance, and request it again.",
  DataDamaged:
    "Write nothing more to the instance. Look at its log and its disk, fail over where there is a standby, or restore a snapshot.",
  InvalidParameterValue:
    "The provider refused a parameter. Compare it with the rules of the provider, and request it again.",
  PRODUCTION_PROTECTED:
    "The instance counts as production now. See its environment and the evidence; if that is wrong, an administrator can map it.",
  PlanChanged:
    "Nothing was done. See by planOperation what it would do now; if that is what you want, request it again.",
  RequesterRevoked:
    "Nothing was done. See the account of whoever requested it; somebody who may run operations can request it again.",
  RunAtMissed:
    "Nothing was done. Postern was not running then, or other operations of the instance took longer than expected: see them, and request it again for another time.",
  NotBegun: "See that the provider can be reached, and request it again.",
  NoSign:
    "It may have been done all the same, if AWS has lost its events. Look at the instance, and at CloudTrail, before you request it again.",
  StartFailed:
    "Look at the log of the server, mend what it says, and see that the instance is available before anything else.",
  UNAVAILABLE: "The provider did not answer. See that the instance and its host are up, and request it again.",
  TIMED_OUT:
    "Postern stopped watching. The work may still end in the background; see the operation again later, and the instance's status.",
};

const UNKNOWN = "See the message, the status of the instance and its log, and request it again.";

/** @returns sentences that say what to check and what to do */
export const guidanceFor = (type: OperationType, code: string): string =>
  declarationOfOperation(type).guidance[code] ?? GUIDANCE[code] ?? UNKNOWN;
