/** The input with which an administrator decides about a proposal. */
import { z } from "zod";
import { enumTypeOf } from "../../../engine/types/object-type.js";
import { checkedId, checkedText, nullable } from "../../../values/checked.js";
import { inputObject } from "../../../values/inputs.js";

const ProposalDecision = enumTypeOf(
  "EnvironmentProposalDecision",
  ["CONFIRM", "REJECT"],
  "What becomes of a proposal.",
  {
    CONFIRM: "What it says counts from now on. Its author may not.",
    REJECT: "It is void. Its author may withdraw it so.",
  },
);

export const ConfirmEnvironmentProposalInput = inputObject(
  "ConfirmEnvironmentProposalInput",
  "The decision about a proposal that waits.",
  {
    id: checkedId.describe("The id of the proposal."),
    // Null is refused: whoever sends a decision and fills in none may have meant the other one.
    decision: z
      .enum(ProposalDecision, { error: "Give CONFIRM or REJECT. Leave it out to confirm; null is neither." })
      .optional()
      .transform((decision) => decision ?? "CONFIRM")
      .describe("Give REJECT to reject the proposal. It is confirmed where this is left out; null is refused."),
    comment: nullable(checkedText(1000)).describe("What to say to it, at most 1,000 characters."),
  },
);

export type EnvironmentProposalDecision = z.output<typeof ConfirmEnvironmentProposalInput>;
