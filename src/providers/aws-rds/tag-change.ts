/** Adds, changes and removes tags of an instance; of a member its own. Whether that was done is seen by comparison. */
import { AddTagsToResourceCommand, type DBInstance, RemoveTagsFromResourceCommand } from "@aws-sdk/client-rds";
import { countTags, MAX_TAGS, type Tag, type TagChange, tagsAfter } from "../../values/tags.js";
import type { Poll } from "../provider.js";
import { rdsTags } from "./instance-description.js";
import { isGone, mayAskAgain, type RdsOperation, type RequestOf, undecided } from "./operation.js";

interface TagSight {
  readonly identifier: string;
  readonly arn: string;
  readonly tags: readonly Tag[];
}

const isSeen = (tags: readonly Tag[], { tags: wanted, removeKeys }: TagChange): boolean =>
  wanted.every(({ key, value }) => tags.some((tag) => tag.key === key && tag.value === value)) &&
  removeKeys.every((key) => tags.every((tag) => tag.key !== key));

const tagsOf = ({ TagList }: DBInstance) => rdsTags(TagList);

export const tagChange: RdsOperation<RequestOf<"SET_INSTANCE_TAGS">> = {
  async look(_scope, _request, { instance }) {
    const { DBInstanceIdentifier: identifier = "", DBInstanceArn: arn = "" } = instance;
    const saw: TagSight = { identifier, arn, tags: tagsOf(instance) };
    return { ...saw };
  },

  async ask(scope, { tags, removeKeys }, sight) {
    const { arn: ResourceName, tags: before } = sight as unknown as TagSight;
    const add = async () => {
      const Tags = tags.map(({ key, value }) => ({ Key: key, Value: value }));
      if (Tags.length > 0)
        await scope.change((client) => client.send(new AddTagsToResourceCommand({ ResourceName, Tags })));
    };
    const remove = async () => {
      const TagKeys = [...removeKeys];
      if (TagKeys.length > 0)
        await scope.change((client) => client.send(new RemoveTagsFromResourceCommand({ ResourceName, TagKeys })));
    };
    // Between the two calls an instance has a tag too many rather than too few, unless there is no room for that.
    const hasRoom = countTags(tagsAfter(before, { tags, removeKeys: [] })) <= MAX_TAGS;
    for (const step of hasRoom ? [add, remove] : [remove, add]) await step();
  },

  async poll(_scope, request, found, facts): Promise<Poll> {
    if (!found) return isGone();
    const status = found.instance.DBInstanceStatus ?? "unknown";
    const tags = tagsOf(found.instance);
    if (isSeen(tags, request))
      return { state: "succeeded", resourceStatus: status, message: "The tags are set.", result: { tags } };
    if (mayAskAgain(facts)) return { state: "unknown" };
    return undecided(status, facts, "AWS has taken the tags, and does not list them all yet.");
  },
};
