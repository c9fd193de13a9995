/** Limits how long Postern waits for a provider. */
import { unavailable } from "../errors.js";
import { withTimeout } from "../values/with-timeout.js";
import type { Provider } from "./provider.js";

/** A scope has many pages, so its list may take that many times as long. */
const LIST = 3;

/** @returns the provider with every call limited: one that takes too long throws UNAVAILABLE, and its late result is ignored */
export function withTimeouts(provider: Provider, timeoutMs: number): Provider {
  const limited = <T>(answer: Promise<T>, times = 1) =>
    withTimeout(answer, times * timeoutMs, () => unavailable("The provider"));
  return {
    name: provider.name,
    operations: provider.operations,
    scopes: provider.scopes,
    discovery: provider.discovery,
    takesAutomatedSnapshots: provider.takesAutomatedSnapshots,
    reportTo: (report) => provider.reportTo(report),
    // These have no limit: they run as long as there is something to do.
    upkeep: () => provider.upkeep(),
    watch: () => provider.watch(),
    list: (scope, onCall) => limited(provider.list(scope, onCall), LIST),
    listScopeSnapshots: (scope, onCall) => limited(provider.listScopeSnapshots(scope, onCall), LIST),
    describe: (providerId) => limited(provider.describe(providerId)),
    logTail: (providerId, member, lines) => limited(provider.logTail(providerId, member, lines)),
    listSnapshots: (providerId) => limited(provider.listSnapshots(providerId)),
    deleteSnapshot: (providerId, snapshot) => limited(provider.deleteSnapshot(providerId, snapshot)),
    look: (request) => limited(provider.look(request)),
    start: (request, intent) => limited(provider.start(request, intent)),
    poll: (request, intent) => limited(provider.poll(request, intent)),
  };
}
