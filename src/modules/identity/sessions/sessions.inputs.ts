/** The inputs of signing in, staying signed in and signing out. */
import { z } from "zod";
import { MAX_PASSWORD_UNITS } from "../../../auth/password-policy.js";
import { checkedMailbox, checkedText, nullable } from "../../../values/checked.js";
import { inputObject } from "../../../values/inputs.js";

export const SignInInput = inputObject("SignInInput", "The credentials of a user.", {
  email: checkedMailbox.describe("The e-mail address of the account. Case does not matter."),
  password: checkedText(MAX_PASSWORD_UNITS).describe("The password."),
  otp: nullable(z.string()).describe("The one-time code of an account with a second factor. For others it is ignored."),
  deviceToken: nullable(z.string()).describe(
    "The newest device token of this account on this device, if there is one. With it, strangers who guess the password from elsewhere keep nobody out here: the lock after failures does not count, and the device has 5 failures of its own in 15 minutes. It never replaces the password.",
  ),
});

export const RefreshSessionInput = inputObject("RefreshSessionInput", "The refresh token that continues a session.", {
  refreshToken: z
    .string()
    .describe(
      "The newest refresh token of the session. It works once. Sent again within 10 seconds by the same client (address and user agent), it gets the same answer, unless the new token was used meanwhile. Any other reuse of a token ends the session.",
    ),
});

export const SignOutInput = inputObject("SignOutInput", "The session to end, beside that of the access token.", {
  refreshToken: nullable(z.string()).describe(
    "A refresh token of the session, for a client whose access token has expired.",
  ),
});

/** The schema only says that a new password is text; auth/password-policy.ts says which. */
export const ChangePasswordInput = inputObject("ChangePasswordInput", "The passwords of the caller.", {
  currentPassword: checkedText(MAX_PASSWORD_UNITS).describe(
    "The password so far. A wrong one counts as a failed sign-in.",
  ),
  newPassword: z
    .string()
    .describe("12 to 128 characters; neither a common password nor made of the e-mail address or name."),
  deviceToken: nullable(z.string()).describe("The device token of this device, as for `signIn`."),
});
