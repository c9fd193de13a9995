/** The type InstanceChange: the history of instances, as clients read it. */
import { declareType, field, one } from "../../../engine/declare.js";
import { enumTypeOf } from "../../../engine/types/object-type.js";
import { instanceChangeField, instanceChanges } from "./instance-changes.table.js";
import { Instance } from "./inventory.model.js";

const InstanceChangeField = enumTypeOf(
  "InstanceChangeField",
  instanceChangeField.enumValues,
  "What has changed of an instance.",
  {
    IDENTIFIER: "It was renamed.",
    INSTANCE_CLASS: "It has another size.",
    ENGINE_VERSION: "Its engine has another version.",
    TAGS: "Labels were set, changed or removed; the values hold those that differ.",
    BACKUP_WINDOW: "Automated snapshots are taken at another time.",
    MAINTENANCE_WINDOW: "Pending changes are made at another time.",
    BACKUP_RETENTION_DAYS: "Automated snapshots are kept for longer or shorter.",
    MEMBER_ROLES: "A member came, left, or has another role, as after a failover.",
    CLUSTER: "It has become a member of a cluster, or left one.",
    CLUSTER_TAGS:
      "Labels of its cluster were set, changed or removed, or another cluster brings others; the values hold those that differ.",
    ENVIRONMENT: "It counts as another environment; the values hold the evidence.",
    PARAMETER_GROUP: "It has another parameter group.",
    GONE: "Its provider stopped listing it (`true`), or lists it again (`false`).",
  },
);

export const InstanceChange = declareType({
  name: "InstanceChange",
  plural: "instanceChanges",
  description: "A change of an instance that Postern has seen. It is kept for 400 days.",
  table: instanceChanges,
  read: ["instances:read"],
  scope: { kind: "everyone" },
  newestBy: "at",
  fields: {
    id: field(instanceChanges.id, "Decimal text of the key."),
    field: field(instanceChanges.field, "What has changed.", { enumeration: InstanceChangeField }),
    before: field(instanceChanges.before, "The value before; null where there was none."),
    after: field(instanceChanges.after, "The value after; null where there is none."),
    at: field(instanceChanges.at, "When Postern wrote the change down."),
  },
  relations: {
    instance: one(() => Instance, instanceChanges.instanceId, "The instance that has changed.", {
      name: "changes",
      description: "What has changed of the instance, within 400 days.",
    }),
  },
});
