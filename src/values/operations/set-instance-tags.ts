/** Adds, changes and removes tags of an instance; of a member its own, and not those of its cluster. */
import { z } from "zod";
import { badUserInput, failedPrecondition } from "../../errors.js";
import { countTags, MAX_TAGS, requireTagChange, type TagChange, TagInput, tagList, tagsAfter } from "../tags.js";
import { declareOperation, type InstanceFacts, STARTING_STATUSES } from "./declaration.js";

/** What AWS takes as the text of a tag. */
const RDS_TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

const NO_SERVER = "Tags only describe the instance, and no server is touched.";

/** What every request to change tags says. */
export const tagChangeFields = {
  tags: z
    .array(TagInput)
    .nullish()
    .describe("The labels to add, or to change where the instance has their keys. With all that stay, at most 50."),
  removeKeys: z
    .array(z.string())
    .nullish()
    .describe("The keys of the labels to remove. One that the instance does not have is ignored."),
};

type TagChangeInput = z.output<z.ZodObject<typeof tagChangeFields>>;

const changeOf = ({ tags, removeKeys }: TagChangeInput): TagChange => ({
  tags: tags ?? [],
  removeKeys: removeKeys ?? [],
});

/** @throws BAD_USER_INPUT where AWS would refuse a text */
function requireRdsTexts({ tags }: TagChange): void {
  for (const [index, tag] of tags.entries()) {
    for (const part of ["key", "value"] as const) {
      if (RDS_TEXT.test(tag[part])) continue;
      throw badUserInput(`tags.${index}.${part}`, "AWS takes letters, digits, spaces and _.:/=+-@ only.");
    }
  }
}

/** @returns the change @throws BAD_USER_INPUT, FAILED_PRECONDITION */
export function requireTagChangeOf({ provider, tags: before }: InstanceFacts, input: TagChangeInput): TagChange {
  const change = changeOf(input);
  if (provider === "aws-rds") requireRdsTexts(change);
  const count = countTags(tagsAfter(before, change));
  if (count <= MAX_TAGS) return change;
  const message = `The instance would have ${count} tags, and ${MAX_TAGS} are allowed. Remove some.`;
  throw failedPrecondition("too many tags", message);
}

export const setInstanceTags = declareOperation(tagChangeFields, {
  type: "SET_INSTANCE_TAGS",
  description: "Adds, changes and removes tags of the instance.",
  mutation: {
    name: "setInstanceTags",
    description:
      "Adds, changes and removes tags of a non-production instance, and leaves the others as they are; of a member its own tags, not those of its cluster. Tags whose keys the rules name decide the environment: what would loosen that is FORBIDDEN to everybody here. An ADMIN proposes it with `proposeInstanceTags`, and another one confirms it.",
    what: "The instance, the tags to set and those to remove.",
    input: { name: "SetInstanceTagsInput", description: "A change of tags. Give `tags`, `removeKeys`, or both." },
  },
  bulk: {
    name: "setTagsOfInstances",
    description:
      "Adds, changes and removes tags of many non-production instances. What would loosen the environment of one is refused as that part: `proposeInstanceTags` is for that.",
  },
  minutesByHand: 5,
  lane: "servers",
  insteadOfCancelling: {
    local: "Wait for its end, and set the tags that you want then.",
    "aws-rds": "Wait for its end, and set the tags that you want then.",
  },
  statuses: {
    local: new Set([
      ...STARTING_STATUSES,
      ...["available", "storage-optimization", "backing-up", "rebooting", "modifying", "failed", "stopped", "stopping"],
    ]),
    // RDS takes tags of whatever is not being deleted.
    "aws-rds": new Set([
      ...STARTING_STATUSES,
      ...["available", "backing-up", "configuring-enhanced-monitoring", "configuring-iam-database-auth"],
      ...["configuring-log-exports", "converting-to-vpc", "failed", "inaccessible-encryption-credentials"],
      ...["inaccessible-encryption-credentials-recoverable", "incompatible-network", "incompatible-option-group"],
      ...["incompatible-parameters", "incompatible-restore", "insufficient-capacity", "maintenance", "modifying"],
      ...["moving-to-vpc", "rebooting", "renaming", "resetting-master-credentials", "restore-error", "stopped"],
      ...["stopping", "storage-full", "storage-initialization", "storage-optimization", "upgrading"],
    ]),
  },
  parameters: z.object({
    tags: tagList,
    removeKeys: z.array(z.string()).readonly(),
    /** What the tags loosen, where two administrators have agreed on that. */
    loosens: z.array(z.string()).readonly().optional(),
  }),
  concernsCluster: () => false,
  changesEnvironments: true,
  check: (input) => requireTagChange(changeOf(input)),
  async prepare(context, instance, input) {
    const change = requireTagChangeOf(instance, input);
    const loosens = await context.requireAgreedTags(change);
    return { ...change, ...(loosens.length > 0 && { loosens }) };
  },
  plan: {
    local: () => ({ outage: "NONE", reason: NO_SERVER, calls: ["local:write-tags"] }),
    "aws-rds": (_instance, { tags, removeKeys }) => ({
      outage: "NONE",
      reason: NO_SERVER,
      calls: [
        ...(tags.length > 0 ? ["rds:AddTagsToResource"] : []),
        ...(removeKeys.length > 0 ? ["rds:RemoveTagsFromResource"] : []),
      ],
    }),
  },
  guidance: {
    LessProtected:
      "The tags would loosen an environment, because rules, mappings or other tags have changed meanwhile. See the message, and have two administrators agree on it with proposeInstanceTags.",
  },
});
