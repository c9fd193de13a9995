/** The mutations that keep users out and let them in again. */
import { can } from "../../../auth/rules.js";
import { type Mutation, mutation } from "../../../engine/mutation.js";
import { checkedId, checkedText, checkedVersion } from "../../../values/checked.js";
import { inputObject } from "../../../values/inputs.js";
import type { UserStatesService } from "./user-states.service.js";
import { User } from "./users.model.js";

/** @param name the mutation, such as `lock` @param done what it does to the user @param description what clients read of it */
const ofState = (name: string, done: string, description: string, run: UserStatesService["lock"]): Mutation => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}User`;
  return mutation({
    rule: can("users:lock"),
    action: `user.${name}`,
    description,
    input: {
      schema: inputObject(`${type}Input`, `Which user is ${done}, and why.`, {
        id: checkedId.describe("Decimal text of the key."),
        reason: checkedText(500).describe("Why, for the audit log: 1 to 500 characters."),
        version: checkedVersion
          .nullish()
          .describe("The version that you saw. If the user has changed since, it is a CONFLICT."),
      }),
      what: `The user, and why they are ${done}.`,
    },
    payload: {
      name: `${type}Payload`,
      description: `The user who was ${done}.`,
      fields: { user: { row: User, description: "The user as they are now." } },
    },
    run: async (call, input) => ({ user: { id: await run(call, input) } }),
  });
};

export const userStatesMutations = (states: UserStatesService): Record<string, Mutation> => ({
  lockUser: ofState(
    "lock",
    "locked",
    "Keeps a user out until `unlockUser`, and ends their sessions at once. The last administrator who can sign in stays. A user who is locked already stays locked.",
    states.lock,
  ),
  unlockUser: ofState(
    "unlock",
    "unlocked",
    "Lets a locked user sign in again, also one who is locked out for a while after failed sign-ins. Whoever has used up the attempts on the account at their address (`RATE_LIMITED`) waits there all the same, or signs in from elsewhere or on a known device.",
    states.unlock,
  ),
  deactivateUser: ofState(
    "deactivate",
    "deactivated",
    "Closes the account of a user who has left, and ends their sessions at once. Everything they did stays. The last administrator who can sign in stays.",
    states.deactivate,
  ),
  reactivateUser: ofState(
    "reactivate",
    "reactivated",
    "Opens the account of a deactivated user again. A lock stays.",
    states.reactivate,
  ),
});
