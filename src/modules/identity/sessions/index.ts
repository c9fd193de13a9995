/** The module of sessions and passwords: signing in, staying signed in, signing out, listing and ending sessions, and refusing the tokens of ended ones. */
import type { InternalKeys } from "../../../auth/internal-keys.js";
import { signedIn } from "../../../auth/rules.js";
import type { Module } from "../../../module.js";
import { createPasswordAttempts, type PasswordAttemptsDeps } from "./password-attempts.service.js";
import { passwordMutations } from "./passwords.mutations.js";
import { createPasswordsService, type PasswordsDeps } from "./passwords.service.js";
import { createRevocations, type RevocationsOptions } from "./revocations.service.js";
import { revokingMutations } from "./revoking.mutations.js";
import { createRevokingService, type RevokingDeps } from "./revoking.service.js";
import { Session } from "./sessions.model.js";
import { sessionMutations } from "./sessions.mutations.js";
import { ViewerResolver } from "./sessions.resolver.js";
import { createSessionsService, type SessionsDeps, type SessionsService } from "./sessions.service.js";

export { deleteEndedSessions } from "./sessions.store.js";
export type { SessionsService };

interface SessionsModule extends Module, Pick<SessionsService, "endSessions" | "refuseTokens"> {
  /** Whether a session has ended whose access tokens may still live. */
  isRevoked(sessionId: string): boolean;
}

/** What the module makes for its own parts. */
type Own = "revocations" | "attempt" | "refuseTokens" | "refreshKey" | "deviceKey";

type SessionsModuleDeps = Omit<SessionsDeps & PasswordsDeps & PasswordAttemptsDeps & RevokingDeps, Own> &
  RevocationsOptions & {
    readonly keys: Pick<InternalKeys, "device tokens" | "refresh tokens">;
  };

export function sessionsModule(deps: SessionsModuleDeps): SessionsModule {
  const { keys } = deps;
  const revocations = createRevocations(deps);
  const attempt = createPasswordAttempts({ ...deps, deviceKey: keys["device tokens"] });
  const service = createSessionsService({ ...deps, revocations, attempt, refreshKey: keys["refresh tokens"] });
  const passwords = createPasswordsService({ ...deps, attempt, refuseTokens: service.refuseTokens });
  const revoking = createRevokingService({ ...deps, refuseTokens: service.refuseTokens });
  return {
    types: [Session],
    queries: { viewer: signedIn },
    mutations: { ...sessionMutations(service), ...passwordMutations(passwords), ...revokingMutations(revoking) },
    resolvers: [new ViewerResolver(service)],
    start: revocations.start,
    stop: revocations.stop,
    isRevoked: revocations.has,
    endSessions: service.endSessions,
    refuseTokens: service.refuseTokens,
  };
}
