/** Keeps users out and lets them in again: an officer locks or deactivates their accounts, and ends that. */
import type { Call } from "../../../audit/call.js";
import type { AuditService } from "../../../audit/index.js";
import type { Db } from "../../../db/client.js";
import { conflict, notFound } from "../../../errors.js";
import { requireAdministrator, type SessionEnder } from "./users.service.js";
import { deleteLockout, listUsersWithAdministrators, type UserState, updateUserState } from "./users.store.js";

export interface UserStatesDeps {
  readonly db: Db;
  readonly audit: Pick<AuditService, "record">;
  readonly sessions: SessionEnder;
}

/** Which user, as they were when the officer looked. The audit record has the reason among the parameters of the call. */
interface UserChoice {
  readonly id: string;
  readonly version?: number | null | undefined;
}

export type UserStatesService = ReturnType<typeof createUserStatesService>;

export function createUserStatesService({ db, audit, sessions }: UserStatesDeps) {
  /**
   * A user who is in the state already stays as they are, so that a call whose answer was lost may be sent again.
   * @throws NOT_FOUND, CONFLICT for a stale version, FAILED_PRECONDITION where no administrator would remain
   */
  async function change(call: Call, { id, version }: UserChoice, state: UserState, begins: boolean) {
    const ended = await db.transaction(async (db) => {
      // All administrators are locked, so of two officers who would keep out the last two, one waits for the other and is refused.
      const users = await listUsersWithAdministrators(db, [id]);
      const user = users.find((each) => each.id === id);
      if (!user) throw notFound("user");
      if ((version ?? user.version) !== user.version) {
        throw conflict(
          `This user has changed: its version is ${user.version} now. Read it again.`,
          undefined,
          "version",
        );
      }
      if (begins) requireAdministrator(users, new Set([id]), null);
      const isIn = state === "locked" ? user.isLocked : user.isDeactivated;
      if (isIn !== begins) await updateUserState(db, id, state, begins);
      const hadFailures = state === "locked" && !begins && (await deleteLockout(db, id));
      const ended = begins ? await sessions.endSessions(db, [id]) : [];
      const result = begins ? { changed: !isIn, endedSessions: ended.length } : { changed: isIn || hadFailures };
      await audit.record(db, call, { resourceId: id, result });
      return ended;
    });
    sessions.refuseTokens(ended);
    return id;
  }

  return {
    lock: (call: Call, user: UserChoice) => change(call, user, "locked", true),
    /** Also ends a lock that came of failed sign-ins. */
    unlock: (call: Call, user: UserChoice) => change(call, user, "locked", false),
    deactivate: (call: Call, user: UserChoice) => change(call, user, "deactivated", true),
    reactivate: (call: Call, user: UserChoice) => change(call, user, "deactivated", false),
  };
}
