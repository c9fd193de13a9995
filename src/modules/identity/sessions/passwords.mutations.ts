/** The mutation with which users change their own password. */
import { can } from "../../../auth/rules.js";
import { type Mutation, mutation } from "../../../engine/mutation.js";
import { User } from "../users/index.js";
import type { PasswordsService } from "./passwords.service.js";
import { ChangePasswordInput } from "./sessions.inputs.js";

export const passwordMutations = (passwords: PasswordsService): Record<string, Mutation> => ({
  changePassword: mutation({
    rule: can("profile:write"),
    action: "user.change-password",
    description: "Changes the caller's own password, and ends their other sessions. This session stays.",
    input: { schema: ChangePasswordInput, what: "The passwords of the caller." },
    payload: {
      name: "ChangePasswordPayload",
      description: "The password has changed.",
      fields: {
        user: { row: User, description: "The caller as they are now." },
        deviceToken: { value: String, description: "The device token from now on: those of before are void." },
      },
    },
    async run(call, input) {
      const { userId, deviceToken } = await passwords.change(call, input);
      return { user: { id: userId }, deviceToken };
    },
  }),
});
