/** Sessions: signing in, staying signed in, signing out, and which sessions have ended. */
import { signedIn } from "../../../auth/rules.js";
import type { Module } from "../../../module.js";
import { createRevocations, type RevocationsOptions } from "./revocations.service.js";
import { sessionMutations } from "./sessions.mutations.js";
import { ViewerResolver } from "./sessions.resolver.js";
import { createIdentityService, type IdentityDeps, type IdentityService } from "./sessions.service.js";

export { deleteEndedSessions } from "./sessions.store.js";
export type { IdentityService };

export interface SessionsModule extends Module, Pick<IdentityService, "endSessions" | "forget"> {
  /** Whether a session has ended whose access tokens may still live. */
  isRevoked(sessionId: string): boolean;
}

export function sessionsModule(deps: Omit<IdentityDeps, "revocations"> & RevocationsOptions): SessionsModule {
  const revocations = createRevocations(deps);
  const identity = createIdentityService({ ...deps, revocations });
  return {
    queries: { viewer: signedIn },
    mutations: sessionMutations(identity),
    resolvers: [new ViewerResolver(identity)],
    start: revocations.start,
    stop: revocations.stop,
    isRevoked: revocations.has,
    endSessions: identity.endSessions,
    forget: identity.forget,
  };
}
