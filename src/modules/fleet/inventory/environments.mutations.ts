/** The mutations that set mappings and rules of environments, and decide about proposals. */
import { Int } from "type-graphql";
import { can } from "../../../auth/rules.js";
import { type Mutation, mutation } from "../../../engine/mutation.js";
import { NamedFields } from "../../../engine/types/named-fields.js";
import { embeddedType } from "../../../engine/types/object-type.js";
import { EnvironmentChange, EnvironmentProposal } from "./environment-proposal.model.js";
import { ConfirmEnvironmentProposalInput } from "./environment-proposals.inputs.js";
import { EnvironmentRules, environmentRulesOf } from "./environment-rules.model.js";
import {
  ProposeInstanceTagsInput,
  SetEnvironmentMappingInput,
  SetEnvironmentRulesInput,
} from "./environments.inputs.js";
import type { EnvironmentsService } from "./environments.service.js";
import { Instance } from "./inventory.model.js";

const rowOf = (id: string | null) => (id === null ? null : { id });

const proposal = {
  row: EnvironmentProposal,
  nullable: true,
  description:
    "The proposal that waits for another administrator, because instances would leave PRODUCTION, or could once facts change; null where the change counts already.",
} as const;

export const environmentMutations = (environments: EnvironmentsService): Record<string, Mutation> => ({
  setEnvironmentMapping: mutation({
    rule: can("environment-mappings:write"),
    action: "environment-mapping.set",
    description:
      "Sets the environment of an instance or an account, and can settle a conflict between the methods. A DBA maps an instance to PRODUCTION; where it is mapped already, also to what is as strict as that and as it counts, or stricter. What takes an instance out of PRODUCTION, or could once facts change, waits for another administrator: each mapping below PRODUCTION but one that is as strict as what the instance or account is mapped to already, each settlement below PRODUCTION, and taking PRODUCTION back. Where there is one administrator only, tags and names alone let something count as less.",
    input: { schema: SetEnvironmentMappingInput, what: "The instance or account, and its environment." },
    payload: {
      name: "SetEnvironmentMappingPayload",
      description: "The mapping counts from now on, unless a proposal waits.",
      fields: {
        instance: {
          row: Instance,
          nullable: true,
          description: "The instance as it is now; null where an account was mapped.",
        },
        proposal,
      },
    },
    async run(call, input) {
      const { instanceId, proposalId } = await environments.setMapping(call, input);
      return { instance: rowOf(instanceId), proposal: rowOf(proposalId) };
    },
  }),

  setEnvironmentRules: mutation({
    rule: can("environments:decide"),
    action: "environment-rules.set",
    description:
      "Sets the rules by which environments are decided, for all replicas at once, and classifies all instances by them. What takes instances out of PRODUCTION, or could once facts change, waits for another administrator: each new word for less than PRODUCTION, each word for PRODUCTION that is missing, and each key of tags that is new or missing. Other words for PRODUCTION, words that are dropped or mean another environment, the precedence and the default count at once.",
    input: { schema: SetEnvironmentRulesInput, what: "The rules, and whether this is a trial." },
    payload: {
      name: "SetEnvironmentRulesPayload",
      description: "The rules count from now on, unless this was a trial or a proposal waits.",
      fields: {
        applied: {
          value: Boolean,
          description: "Whether they count already. They do not after a trial, nor while a proposal waits.",
        },
        environmentRules: { value: embeddedType(EnvironmentRules), description: "The rules in force now." },
        changed: {
          value: Int,
          description: "How many instances count as something else by these rules, or would.",
        },
        changes: {
          value: [embeddedType(EnvironmentChange)],
          description: "Those of them that leave PRODUCTION come first, up to 500; then others, up to 100 in all.",
        },
        leavingCount: {
          value: Int,
          description:
            "How many of them leave PRODUCTION, or are kept there only by a sibling. A proposal of more than 500 is refused.",
        },
        proposal,
      },
    },
    async run(call, input) {
      const { applied, changed, leavingCount, changes, proposalId } = await environments.setRules(call, input);
      const { version, rules, stored } = await environments.findRules();
      return {
        applied,
        environmentRules: NamedFields.of(environmentRulesOf(version, rules, stored)),
        changed,
        leavingCount,
        changes: NamedFields.of(changes),
        proposal: rowOf(proposalId),
      };
    },
  }),

  proposeInstanceTags: mutation({
    rule: can("environments:decide"),
    action: "environment-proposal.create",
    description:
      "Proposes tags of a non-production instance that loosen something: a tag below PRODUCTION that is new or looser than before, one for PRODUCTION that goes, an instance that counts as less, a conflict that goes. `confirmEnvironmentProposal` of another administrator queues the operation that sets them. What loosens nothing is set with `setInstanceTags`.",
    input: { schema: ProposeInstanceTagsInput, what: "The instance, the tags to set and those to remove." },
    payload: {
      name: "ProposeInstanceTagsPayload",
      description: "The proposal.",
      fields: { proposal: { row: EnvironmentProposal, description: "The proposal that waits." } },
    },
    run: async (call, input) => ({ proposal: { id: await environments.proposeTags(call, input) } }),
  }),

  confirmEnvironmentProposal: mutation({
    rule: can("environments:decide"),
    action: "environment-proposal.decide",
    description:
      "Confirms what another administrator proposes, as long as it takes only the instances out of PRODUCTION that it names; or rejects it, also one's own. It confirms unless `decision` says REJECT. Nobody confirms whose account the author has created or changed within 30 days, or the other way round, or where one person has done so with both; accounts through which somebody may have done so count as well.",
    input: { schema: ConfirmEnvironmentProposalInput, what: "The proposal, and the decision." },
    payload: {
      name: "ConfirmEnvironmentProposalPayload",
      description: "The decision.",
      fields: { proposal: { row: EnvironmentProposal, description: "The proposal as it is now." } },
    },
    run: async (call, input) => ({ proposal: { id: await environments.decide(call, input) } }),
  }),
});
