/** Performs SET_INSTANCE_TAGS. instance.json holds the tags, so that they are there after every start. */
import { type TagChange, tagsAfter } from "../../values/tags.js";
import { OperationFailureError } from "../errors.js";
import { tagsForm } from "./forms.js";
import type { Host } from "./host.js";
import type { LocalInstance } from "./instance-file.js";
import type { EntryOutcome } from "./journal-entry.js";
import type { LocalTask, TaskRequestOf } from "./task.js";

export async function performSetTags(task: LocalTask<TaskRequestOf<"SET_INSTANCE_TAGS">>): Promise<EntryOutcome> {
  await task.record({ message: "Setting the tags." });
  return setTags(task.host, task.instance, task.request);
}

/** @throws OperationFailureError where an instance cannot have these tags */
export function localTagsAfter(before: LocalInstance["tags"], change: TagChange): LocalInstance["tags"] {
  const form = tagsForm.safeParse(tagsAfter(before, change));
  if (form.success) return form.data;
  const message = "An instance has at most 50 tags: keys of 1 to 128 characters, values of at most 256.";
  throw new OperationFailureError("InvalidParameterValue", message);
}

/** It may run twice: what a kill cut short is done when Postern starts again. */
export async function setTags(
  { instances }: Host,
  { providerId }: LocalInstance,
  request: TaskRequestOf<"SET_INSTANCE_TAGS">,
): Promise<EntryOutcome> {
  const after = await instances.update(providerId, (now) => ({ ...now, tags: localTagsAfter(now.tags, request) }));
  if (!after) throw new OperationFailureError("DBInstanceNotFound", "The instance is gone.");
  return {
    message: "The tags are set.",
    result: { tags: after.tags },
    ...(after.wanted === "stopped" && { resourceStatus: "stopped" }),
  };
}
