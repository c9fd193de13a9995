/** The inputs of revoking sessions. */
import { checkedId, nullable } from "../../../values/checked.js";
import { inputObject } from "../../../values/inputs.js";

export const RevokeSessionInput = inputObject("RevokeSessionInput", "The session to end.", {
  id: checkedId.describe("The id of the session."),
});

export const RevokeSessionsInput = inputObject("RevokeSessionsInput", "Whose sessions to end.", {
  userId: nullable(checkedId).describe(
    "The user whose sessions all end, also the one that asks. Without it, the caller's own end but for the one that asks.",
  ),
});
