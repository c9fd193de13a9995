/** The type EnvironmentMapping, as staff read it. */
import { declareType, field, one } from "../../../engine/declare.js";
import { actorField, optionalActorField } from "../../identity/users/index.js";
import { Environment } from "./instance-objects.model.js";
import { Instance } from "./inventory.model.js";
import { environmentMappings } from "./inventory.table.js";

export const EnvironmentMapping = declareType({
  name: "EnvironmentMapping",
  plural: "environmentMappings",
  description:
    "What an administrator, or towards stricter a DBA, said an instance or an account is for. The newest of each counts; older ones are its history.",
  table: environmentMappings,
  read: ["environment-mappings:read"],
  scope: { kind: "staff" },
  newestBy: "createdAt",
  fields: {
    id: field(environmentMappings.id, "Decimal text of the key."),
    accountId: field(
      environmentMappings.accountId,
      "The provider's account, whose instances it is about; null where it is about one instance.",
    ),
    environment: field(environmentMappings.environment, "The environment; null where the mapping was taken back.", {
      enumeration: Environment,
    }),
    reason: field(environmentMappings.reason, "Why it was set or taken back."),
    settles: field(
      environmentMappings.settles,
      "The `dispute` of the instance's environment that it settled; null where it settled none.",
    ),
    createdBy: actorField(environmentMappings.createdBy, "Who set it or took it back."),
    confirmedBy: optionalActorField(
      environmentMappings.confirmedBy,
      "The second administrator, who confirmed it; null where it needed none.",
    ),
    createdAt: field(environmentMappings.createdAt, "When it was set or taken back."),
  },
  relations: {
    instance: one(
      () => Instance,
      environmentMappings.instanceId,
      "The instance that it is about; null where it is about an account.",
    ),
  },
});
