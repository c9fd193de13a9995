/** The mutations of sessions. Everybody may call them: the service decides by the credentials, and records security events. */
import { anyone, type MutationRule } from "../../../auth/rules.js";
import { type Mutation, mutation } from "../../../engine/mutation.js";
import { RefreshSessionInput, SignInInput, SignOutInput } from "./sessions.inputs.js";
import type { SessionsService } from "./sessions.service.js";
import { SignInPayload, SignOutPayload } from "./sessions.types.js";

const byCredentials: MutationRule = { rule: anyone, action: null };

export const sessionMutations = (sessions: SessionsService): Record<string, Mutation> => ({
  signIn: mutation({
    ...byCredentials,
    isAlone: true,
    description: "Opens a session. It ends after 7 days without a refresh, and 30 days after this at the latest.",
    input: { schema: SignInInput, what: "The credentials to sign in with." },
    payload: SignInPayload,
    async run({ origin }, input, context) {
      const credentials = await sessions.signIn(input, origin);
      context.answerAs(credentials.actor);
      return credentials;
    },
  }),

  refreshSession: mutation({
    ...byCredentials,
    description: "Exchanges a refresh token for new credentials of the same session.",
    input: { schema: RefreshSessionInput, what: "The session to continue." },
    payload: SignInPayload,
    async run({ origin }, input, context) {
      const credentials = await sessions.refresh(input, origin);
      context.answerAs(credentials.actor);
      return credentials;
    },
  }),

  signOut: mutation({
    ...byCredentials,
    description: "Ends the session and its access token at once.",
    input: {
      schema: SignOutInput,
      what: "The session to end, if it is not that of the access token.",
      isOptional: true,
    },
    payload: SignOutPayload,
    async run({ actor, origin }, input) {
      await sessions.signOut(actor, input, origin);
      return { signedOut: true };
    },
  }),
});
