/** Tags: their rules, and the actions that change them. */
import { AwsFault, invalidValue } from "./aws-fault.js";
import type { CallParameters } from "./call-parameters.js";
import { describeTags } from "./descriptions.js";
import { type AwsTag, clusterInRegion, instanceInRegion, type RdsAction, type Region } from "./region.js";

const MAX_TAGS = 50;
const TAG_TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

const isReserved = (key: string) => /^(aws|rds):/i.test(key);

/** @returns the tags of the parameter `Tags` @throws InvalidParameterValue */
export function readTags(parameters: CallParameters): AwsTag[] {
  const tags = parameters
    .groups("Tags", "Tag")
    .map((tag) => ({ key: tag.required("Key"), value: tag.text("Value") ?? "" }));
  for (const { key, value } of tags) {
    if (isReserved(key)) throw invalidValue(`The tag key ${key} begins with a prefix that is reserved: aws: or rds:.`);
    if (key.length > 128 || !TAG_TEXT.test(key)) throw invalidValue("A tag key is not valid.");
    if (value.length > 256 || value === "" || !TAG_TEXT.test(value))
      throw invalidValue(`The value of the tag ${key} is not valid.`);
  }
  return merged([], tags);
}

/** @throws InvalidParameterValue where these are too many */
function merged(present: readonly AwsTag[], added: readonly AwsTag[]): AwsTag[] {
  const values = new Map([...present, ...added].map(({ key, value }) => [key, value]));
  const own = [...values.keys()].filter((key) => !isReserved(key));
  if (own.length > MAX_TAGS) throw invalidValue(`A resource may have at most ${MAX_TAGS} tags.`);
  return [...values].map(([key, value]) => ({ key, value }));
}

const ARN = /^arn:aws:rds:([a-z0-9-]+):(\d{12}):(db|cluster|snapshot|cluster-snapshot):(.+)$/;

/** @returns what an ARN names in the region of the call @throws InvalidParameterValue, or that it does not exist */
function taggedBy(region: Region, arn: string): { tags: AwsTag[] } {
  const [, name, account, kind, identifier = ""] = ARN.exec(arn) ?? [];
  if (name !== region.name || account !== region.account)
    throw invalidValue(`The specified resource name does not match an RDS resource in this region.`);
  switch (kind) {
    case "db":
      return instanceInRegion(region, identifier);
    case "cluster":
      return clusterInRegion(region, identifier);
    default: {
      const snapshots = kind === "snapshot" ? region.snapshots : region.clusterSnapshots;
      const snapshot = snapshots.get(identifier.toLowerCase());
      if (!snapshot) throw new AwsFault("DBSnapshotNotFound", `DBSnapshot not found: ${identifier}`, 404);
      return snapshot;
    }
  }
}

const addTagsToResource: RdsAction = (region, parameters) => {
  const resource = taggedBy(region, parameters.required("ResourceName"));
  const tags = readTags(parameters);
  if (tags.length === 0) throw new AwsFault("MissingParameter", "The request must contain the parameter Tags.");
  resource.tags = merged(resource.tags, tags);
  return null;
};

const removeTagsFromResource: RdsAction = (region, parameters) => {
  const resource = taggedBy(region, parameters.required("ResourceName"));
  const keys = new Set(parameters.list("TagKeys", "member"));
  if (keys.size === 0) throw new AwsFault("MissingParameter", "The request must contain the parameter TagKeys.");
  resource.tags = resource.tags.filter(({ key }) => !keys.has(key));
  return null;
};

const listTagsForResource: RdsAction = (region, parameters) => ({
  TagList: describeTags(taggedBy(region, parameters.required("ResourceName")).tags),
});

export const TAG_ACTIONS: Readonly<Record<string, RdsAction>> = {
  AddTagsToResource: addTagsToResource,
  RemoveTagsFromResource: removeTagsFromResource,
  ListTagsForResource: listTagsForResource,
};
