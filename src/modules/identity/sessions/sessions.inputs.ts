/** What a client sends to sign in, to stay signed in and to sign out. */
import { z } from "zod";
import { MAX_PASSWORD_CHARACTERS } from "../../../auth/passwords.js";
import { nullable, text } from "../../../values/checked.js";
import { inputObject } from "../../../values/inputs.js";

export const SignInInput = inputObject("SignInInput", "The credentials of a user.", {
  email: text(254).describe("The address of the account, in any case."),
  password: text(MAX_PASSWORD_CHARACTERS * 2).describe("The password."),
  otp: nullable(z.string()).describe("The one-time code, where the account has a second factor; else it is ignored."),
});

export const RefreshSessionInput = inputObject("RefreshSessionInput", "What continues a session.", {
  refreshToken: z
    .string()
    .describe(
      "The newest refresh token of the session. Each is good once. The client that used it (by address and user agent) gets the same answer again within 10 seconds, until the token of that answer is used; any other token that is sent again ends the session.",
    ),
});

export const SignOutInput = inputObject("SignOutInput", "Which session to end, beside that of the access token.", {
  refreshToken: nullable(z.string()).describe(
    "A refresh token of the session, for a client whose access token has expired.",
  ),
});
