/** Ends sessions on behalf of their users, or of those who watch the sessions of all. */
import type { Call } from "../../../audit/call.js";
import type { AuditService, SecurityService } from "../../../audit/index.js";
import { accessOfActor, describeActor, type UserActor } from "../../../auth/actor.js";
import type { Db } from "../../../db/client.js";
import { forbidden, notFound, unauthenticated } from "../../../errors.js";
import { endedEvent } from "./ended-event.js";
import {
  lockUserOfSessions,
  type RevokedSession,
  revokedSessionIds,
  revokeSessionsOf,
  revokeSessionWithKey,
} from "./revoking.store.js";

const REVOKE_ALL = "sessions:revoke";

/** One call leaves at most so many events. One more says how many sessions have none of their own. */
const MAX_EVENTS = 100;

export interface RevokingDeps {
  readonly db: Db;
  readonly audit: Pick<AuditService, "record">;
  readonly security: Pick<SecurityService, "record">;
  /** Refuses the access tokens of these sessions from now on. */
  readonly refuseTokens: (sessionIds: readonly string[]) => void;
}

export type RevokingService = ReturnType<typeof createRevokingService>;

/** The door lets only users pass. */
function userOf({ actor }: Call): UserActor {
  if (actor.kind !== "user") throw unauthenticated();
  return actor;
}

export function createRevokingService({ db, audit, security, refuseTokens }: RevokingDeps) {
  async function recordEvents(db: Db, { origin, actor }: Call, ended: readonly RevokedSession[]): Promise<void> {
    const how = { reason: "revoked", revokedBy: describeActor(actor) };
    const events = ended.slice(0, MAX_EVENTS).map((session) => endedEvent(session, how));
    const [first] = events;
    if (!first) return;
    const more = ended.length - events.length;
    if (more > 0) events.push({ ...first, metadata: { sessionId: null, ...how, sessions: more } });
    await security.record(db, ...events.map((event) => ({ ...event, origin })));
  }

  return {
    /**
     * Ends the session with this key; one that has ended already stays as it is.
     * @returns the key @throws NOT_FOUND, also for another user's session where the actor may not end those
     */
    async revoke(call: Call, key: string): Promise<string> {
      const { userId } = userOf(call);
      const mayEndAll = accessOfActor(call.actor).permissions.has(REVOKE_ALL);
      const session = await db.transaction(async (db) => {
        const session = await revokeSessionWithKey(db, key, mayEndAll ? undefined : userId);
        if (!session) throw notFound("session");
        await recordEvents(db, call, session.endedNow ? [session] : []);
        await audit.record(db, call, { resourceId: key, result: { endedNow: session.endedNow } });
        return session;
      });
      refuseTokens([session.sessionId]);
      return key;
    },

    /**
     * Ends all sessions of a user, or those of the actor beside the current one.
     * @returns how many @throws FORBIDDEN for another user, whether there is one or not; NOT_FOUND
     */
    async revokeAll(call: Call, ofUserId?: string): Promise<number> {
      const actor = userOf(call);
      const userId = ofUserId ?? actor.userId;
      if (userId !== actor.userId && !accessOfActor(actor).permissions.has(REVOKE_ALL)) {
        throw forbidden(REVOKE_ALL, "Your role may end only your own sessions.");
      }
      const ended = await db.transaction(async (db) => {
        if (!(await lockUserOfSessions(db, userId))) throw notFound("user", undefined, "userId");
        const ended = await revokeSessionsOf(db, [userId], ofUserId === undefined ? actor.sessionId : undefined);
        await recordEvents(db, call, ended);
        await audit.record(db, call, { resourceId: userId, result: { revoked: ended.length } });
        return ended;
      });
      refuseTokens(revokedSessionIds(ended));
      return ended.length;
    },
  };
}
