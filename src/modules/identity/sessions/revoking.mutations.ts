/** The mutations that revoke sessions. Everybody may end their own; the service checks whose they are. */
import { Int } from "type-graphql";
import { signedIn } from "../../../auth/rules.js";
import { type Mutation, mutation } from "../../../engine/mutation.js";
import { RevokeSessionInput, RevokeSessionsInput } from "./revoking.inputs.js";
import type { RevokingService } from "./revoking.service.js";
import { Session } from "./sessions.model.js";

export const revokingMutations = (revoking: RevokingService): Record<string, Mutation> => ({
  revokeSession: mutation({
    rule: signedIn,
    action: "session.revoke",
    description:
      "Ends a session and its access token at once, on every replica within 2 seconds: one's own, or, for SECURITY and ADMIN, anybody's. One that has ended stays as it is.",
    input: { schema: RevokeSessionInput, what: "The session to end." },
    payload: {
      name: "RevokeSessionPayload",
      description: "The session that has ended.",
      fields: { session: { row: Session, description: "The session as it is now." } },
    },
    run: async (call, { id }) => ({ session: { id: await revoking.revoke(call, id) } }),
  }),

  revokeSessions: mutation({
    rule: signedIn,
    action: "session.revoke-many",
    description:
      "Ends sessions and their access tokens at once, on every replica within 2 seconds: all of one's own but the one that asks, or all of a user, which for others than oneself SECURITY and ADMIN may do.",
    input: { schema: RevokeSessionsInput, what: "Whose sessions to end.", isOptional: true },
    payload: {
      name: "RevokeSessionsPayload",
      description: "The sessions that have ended.",
      fields: { revoked: { value: Int, description: "How many sessions this has ended." } },
    },
    run: async (call, { userId }) => ({ revoked: await revoking.revokeAll(call, userId ?? undefined) }),
  }),
});
