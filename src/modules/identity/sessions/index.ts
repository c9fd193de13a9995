/** The module of sessions: signing in, staying signed in, signing out, and refusing the tokens of ended sessions. */
import { signedIn } from "../../../auth/rules.js";
import type { Module } from "../../../module.js";
import { createRevocations, type RevocationsOptions } from "./revocations.service.js";
import { sessionMutations } from "./sessions.mutations.js";
import { ViewerResolver } from "./sessions.resolver.js";
import { createSessionsService, type SessionsDeps, type SessionsService } from "./sessions.service.js";

export { deleteEndedSessions } from "./sessions.store.js";
export type { SessionsService };

interface SessionsModule extends Module, Pick<SessionsService, "endSessions" | "refuseTokens"> {
  /** Whether a session has ended whose access tokens may still live. */
  isRevoked(sessionId: string): boolean;
}

export function sessionsModule(deps: Omit<SessionsDeps, "revocations"> & RevocationsOptions): SessionsModule {
  const revocations = createRevocations(deps);
  const service = createSessionsService({ ...deps, revocations });
  return {
    queries: { viewer: signedIn },
    mutations: sessionMutations(service),
    resolvers: [new ViewerResolver(service)],
    start: revocations.start,
    stop: revocations.stop,
    isRevoked: revocations.has,
    endSessions: service.endSessions,
    refuseTokens: service.refuseTokens,
  };
}
