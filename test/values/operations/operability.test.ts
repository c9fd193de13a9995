/** What people read where an operation may not run: for every type, provider and status it says something that they can do. */
import { describe, expect, it } from "vitest";
import { OPERATION_TYPES, type OperationType } from "../../../src/values/operations/declarations.js";
import { assessOperability } from "../../../src/values/operations/operability.js";

const refusal = (provider: string, type: OperationType, status: string) => {
  const facts = { provider, status, environment: "TEST", multiAz: false, members: [] };
  return assessOperability({ ...facts, vanishedAt: null, scopeRemoved: false }, type)?.message ?? null;
};

const RESTORE = "Restore one of its snapshots as a new instance.";
/** What is told in a status that does not pass, by provider where that differs. */
const STUCK: Readonly<Record<string, string | Readonly<Record<string, string>>>> = {
  failed: { local: "Reboot it: that starts its servers again.", "aws-rds": RESTORE },
  stopped: "Start it first.",
  stopping: "Start it once it is stopped.",
  deleting: RESTORE,
  "inaccessible-encryption-credentials": RESTORE,
  "inaccessible-encryption-credentials-recoverable": "Let RDS use its KMS key again, and start it, in AWS.",
  "incompatible-network": "Correct its subnets and addresses in AWS.",
  "incompatible-option-group": "Give it another option group in AWS.",
  "incompatible-parameters": "Give it another parameter group in AWS, and reboot it there.",
  "incompatible-restore": "Delete it in AWS, and restore its snapshot again.",
  "insufficient-capacity": "Give it another class or zone in AWS.",
  "restore-error": "Delete it in AWS, and restore its snapshot again.",
  "storage-full": "Give it more storage in AWS.",
};
const PASSING = [
  ...["available", "backing-up", "configuring-enhanced-monitoring", "configuring-iam-database-auth"],
  ...["configuring-log-exports", "converting-to-vpc", "creating", "delete-precheck", "maintenance", "modifying"],
  ...["moving-to-vpc", "rebooting", "resetting-master-credentials", "renaming", "starting"],
  ...["storage-initialization", "storage-optimization", "upgrading", "a-status-of-tomorrow"],
];
const WAIT = "Try again when it is available.";
/** What a type tells otherwise. */
const OWN: Readonly<Partial<Record<OperationType, Readonly<Record<string, string>>>>> = {
  STOP_INSTANCE: {
    stopped: "There is nothing to stop: start it when it is needed again.",
    stopping: "There is nothing to stop: wait until it is stopped.",
  },
  START_INSTANCE: {
    available: "There is nothing to start: stop it first, or reboot it.",
    starting: "There is nothing to start: wait until it is available.",
    creating: "There is nothing to start: wait until it is available.",
    ...Object.fromEntries(
      PASSING.filter((status) => !["available", "starting", "creating"].includes(status)).map((status) => [
        status,
        "Only a stopped instance is started: when it is available, stop it first, or reboot it.",
      ]),
    ),
  },
};

describe.each(["local", "aws-rds"])("%s", (provider) => {
  it.each(OPERATION_TYPES)("%s", (type) => {
    for (const status of [...PASSING, ...Object.keys(STUCK)]) {
      const message = refusal(provider, type, status);
      const stuck = STUCK[status];
      const remedy = OWN[type]?.[status] ?? (typeof stuck === "object" ? stuck[provider] : stuck) ?? WAIT;
      expect([status, message]).toEqual([status, message && `This instance is ${status}. ${remedy}`]);
    }
  });

  it("advises nothing that would be refused then, too", () => {
    for (const status of [...PASSING, ...Object.keys(STUCK)])
      for (const type of OPERATION_TYPES) {
        const advice = refusal(provider, type, status) ?? "";
        if (/^This instance is \S+ (Start it first|There is nothing to stop: start)/.test(advice))
          expect([status, refusal(provider, "START_INSTANCE", status)]).toEqual([status, null]);
        if (/ (Reboot it:|stop it first, or reboot it)/.test(advice) && !/when it is available/.test(advice))
          expect([status, refusal(provider, "REBOOT_INSTANCE", status)]).toEqual([status, null]);
      }
  });

  it.each(OPERATION_TYPES)("%s is refused in a status that nobody knows, if it needs the instance at all", (type) => {
    const isOfSnapshot = type === "DELETE_SNAPSHOT" || type === "RESTORE_SNAPSHOT";
    expect(refusal(provider, type, "a-status-of-tomorrow") === null).toBe(isOfSnapshot);
  });
});
