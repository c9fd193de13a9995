/** Takes a snapshot of an instance; of a member, one of its cluster. */
import { z } from "zod";
import { requireTags, TagInput, tagList } from "../tags.js";
import { declareOperation, type InstanceFacts, STARTING_STATUSES } from "./declaration.js";
import {
  generateSnapshotIdentifier,
  requireSnapshotIdentifier,
  snapshotIdentifierLimit,
  snapshotTagLimit,
} from "./snapshot-identifier.js";

const fields = {
  snapshotId: z.string().nullish().describe("The identifier, unique whatever its case; generated unless given."),
  tags: z.array(TagInput).nullish().describe("The labels of the snapshot, at most 50."),
};

const generated = ({ identifier }: InstanceFacts, now: Date, digits: string, max: number) =>
  generateSnapshotIdentifier(identifier, now, digits, max);

export const createSnapshot = declareOperation(fields, {
  type: "CREATE_SNAPSHOT",
  description: "Takes a snapshot of the instance.",
  mutation: {
    name: "createSnapshot",
    description: "Takes a snapshot of a non-production instance.",
    what: "The instance to copy, and the name of the snapshot.",
    input: { name: "CreateSnapshotInput", description: "A snapshot to take." },
  },
  bulk: {
    name: "createSnapshots",
    description: "Takes a snapshot of each of many non-production instances, with a generated name.",
    without: ["snapshotId"],
  },
  lane: "servers",
  minutesByHand: 10,
  insteadOfCancelling: { local: null, "aws-rds": "Wait for its end, and delete the snapshot then." },
  statuses: {
    local: new Set([
      ...STARTING_STATUSES,
      ...["available", "storage-optimization", "backing-up", "rebooting", "modifying"],
    ]),
    "aws-rds": new Set(["available", "storage-optimization"]),
  },
  parameters: z.object({
    snapshotId: z.string(),
    tags: tagList,
    /** Whether the schedule asks for it, and not a person. */
    automated: z.boolean(),
  }),
  concernsCluster: () => true,
  check({ snapshotId, tags }) {
    if ((snapshotId ?? null) !== null) requireSnapshotIdentifier(snapshotId as string);
    requireTags(tags ?? []);
  },
  async prepare(context, instance, input) {
    const tags = requireTags(input.tags ?? [], snapshotTagLimit(instance.provider));
    const max = snapshotIdentifierLimit(instance);
    const given = input.snapshotId ?? null;
    const snapshotId =
      given === null ? generated(instance, context.now, context.digits, max) : requireSnapshotIdentifier(given, max);
    await context.claimSnapshotIdentifier(snapshotId);
    return { snapshotId, tags, automated: false };
  },
  plan: {
    local: () => ({
      outage: "NONE",
      reason: "The files are copied while the primary takes writes.",
      calls: ["local:begin-backup", "local:copy-files", "local:end-backup"],
    }),
    "aws-rds"({ cluster, multiAz, engine }) {
      const calls = [cluster ? "rds:CreateDBClusterSnapshot" : "rds:CreateDBSnapshot"];
      if (cluster) return { outage: "NONE", reason: "RDS copies the storage of a cluster without a pause.", calls };
      if (multiAz && !engine.startsWith("sqlserver"))
        return { outage: "NONE", reason: "RDS copies the storage of the standby.", calls };
      const reason = "RDS suspends the input and output of the instance for a short time while it begins to copy.";
      return { outage: "SECONDS", reason, calls };
    },
  },
  guidance: {
    SnapshotQuotaExceeded:
      "Delete manual snapshots that are not needed any more, or have the quota raised, and request it again.",
    DBSnapshotAlreadyExists: "Choose another identifier, or leave it out to have one generated.",
  },
});
