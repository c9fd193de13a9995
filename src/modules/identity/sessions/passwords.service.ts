/** Users change their own password. */
import type { Call } from "../../../audit/call.js";
import type { AuditService } from "../../../audit/index.js";
import { canonicalPassword, requireGoodPassword } from "../../../auth/password-policy.js";
import { hashPassword } from "../../../auth/passwords.js";
import type { Db } from "../../../db/client.js";
import { badUserInput, unauthenticated } from "../../../errors.js";
import type { PasswordAttempts } from "./password-attempts.service.js";
import { findPasswordAccountById, updatePassword } from "./password-attempts.store.js";
import { isSessionRevoked, revokedSessionIds, revokeSessionsOf } from "./revoking.store.js";

/** A name of OWASP's Logging Vocabulary. */
const CHANGE_FAILED = { eventType: "authn_password_change_fail", eventStatus: "FAILURE" } as const;

export interface PasswordsDeps {
  readonly db: Db;
  readonly audit: Pick<AuditService, "record">;
  readonly attempt: PasswordAttempts;
  /** Refuses the access tokens of these sessions from now on. */
  readonly refuseTokens: (sessionIds: readonly string[]) => void;
}

interface PasswordChange {
  readonly currentPassword: string;
  readonly newPassword: string;
  readonly deviceToken?: string | null | undefined;
}

export type PasswordsService = ReturnType<typeof createPasswordsService>;

export function createPasswordsService({ db, audit, attempt, refuseTokens }: PasswordsDeps) {
  return {
    /**
     * Changes the actor's password, and ends their other sessions. A wrong current password counts as a failed sign-in does, so that
     * nobody guesses it through a session that is not theirs.
     * @returns the id of the user, and a token for the device, since the change makes those of before void
     * @throws BAD_USER_INPUT, RATE_LIMITED
     */
    async change(call: Call, { currentPassword, newPassword, deviceToken }: PasswordChange) {
      const { actor, origin } = call;
      if (actor.kind !== "user") throw unauthenticated();
      const account = await findPasswordAccountById(db, actor.userId);
      await requireGoodPassword(newPassword, "newPassword", account);
      if (canonicalPassword(newPassword) === canonicalPassword(currentPassword)) {
        throw badUserInput("newPassword", "Choose another password than the current one.");
      }
      const attempted = {
        ...{ find: async () => account, email: actor.email, password: currentPassword, deviceToken },
        by: `user ${actor.userId}`,
        refusal: { ...CHANGE_FAILED, metadata: { sessionId: actor.sessionId } },
      };
      const changed = await attempt(attempted, origin, async () => {
        const passwordHash = await hashPassword(newPassword);
        return async (db, { userId, issueDeviceToken }) => {
          // The user is locked, so whoever ends their sessions has done so, or waits.
          if (await isSessionRevoked(db, actor.sessionId))
            throw unauthenticated("Your session has ended: sign in again.");
          await updatePassword(db, userId, passwordHash);
          const ended = revokedSessionIds(await revokeSessionsOf(db, [userId], actor.sessionId));
          await audit.record(db, call, { resourceId: userId, result: { endedSessions: ended.length } });
          return { userId, ended, deviceToken: issueDeviceToken(passwordHash) };
        };
      });
      if (!changed) throw badUserInput("currentPassword", "This is not your current password. Check it and try again.");
      refuseTokens(changed.ended);
      return { userId: changed.userId, deviceToken: changed.deviceToken };
    },
  };
}
