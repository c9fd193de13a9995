/** Signing in, staying signed in, signing out: the service decides by the credentials, and records security events. */
import { anyone, type MutationRule } from "../../../auth/rules.js";
import { type Mutation, mutation } from "../../../engine/mutation.js";
import { RefreshSessionInput, SignInInput, SignOutInput } from "./sessions.inputs.js";
import type { IdentityService } from "./sessions.service.js";
import { SignInPayload, SignOutPayload } from "./sessions.types.js";

const byCredentials: MutationRule = { rule: anyone, action: null };

export const sessionMutations = (identity: IdentityService): Record<string, Mutation> => ({
  signIn: mutation({
    ...byCredentials,
    description: "Opens a session of 30 days, which every refresh extends.",
    input: { schema: SignInInput, what: "Who signs in." },
    payload: SignInPayload,
    async run({ origin }, input, context) {
      const credentials = await identity.signIn(input, origin);
      context.answerAs(credentials.actor);
      return credentials;
    },
  }),

  refreshSession: mutation({
    ...byCredentials,
    description: "Exchanges a refresh token for new credentials of the same session.",
    input: { schema: RefreshSessionInput, what: "The session to go on with." },
    payload: SignInPayload,
    async run({ origin }, input, context) {
      const credentials = await identity.refresh(input, origin);
      context.answerAs(credentials.actor);
      return credentials;
    },
  }),

  signOut: mutation({
    ...byCredentials,
    description: "Ends the session at once, its access token included.",
    input: { schema: SignOutInput, what: "Which session, where not that of the access token.", isOptional: true },
    payload: SignOutPayload,
    async run({ actor, origin }, input) {
      await identity.signOut(actor, input, origin);
      return { signedOut: true };
    },
  }),
});
