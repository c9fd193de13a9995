/** The security event of a session that somebody ends before its time. */

interface EndedSession {
  readonly sessionId: string;
  readonly userId: string | null;
}

/** @param how why, and by whom where that is not its own user */
export const endedEvent = ({ sessionId, userId }: EndedSession, how: Readonly<Record<string, unknown>>) => ({
  eventType: "session_expired",
  eventStatus: "SUCCESS" as const,
  userId,
  metadata: { sessionId, ...how } as Record<string, unknown>,
});
