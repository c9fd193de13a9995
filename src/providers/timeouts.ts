/** Limits how long Postern waits for a provider. */
import { unavailable } from "../errors.js";
import { withTimeout } from "../values/with-timeout.js";
import type { Provider } from "./provider.js";

/** @returns the provider with every call limited: one that takes too long throws UNAVAILABLE, and its late result is ignored */
export function withTimeouts(provider: Provider, timeoutMs: number): Provider {
  const limited = <T>(answer: Promise<T>) => withTimeout(answer, timeoutMs, () => unavailable("The provider"));
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
    // A scope has many pages. Whoever asks for all of them says how long that may take.
    list: (scope, listing) => provider.list(scope, listing),
    listScopeSnapshots: (scope, listing) => provider.listScopeSnapshots(scope, listing),
    isRestoredBy: (instance, restore) => limited(provider.isRestoredBy(instance, restore)),
    describe: (providerId) => limited(provider.describe(providerId)),
    describeWithSiblings: (providerId) => limited(provider.describeWithSiblings(providerId)),
    logTail: (providerId, member, lines) => limited(provider.logTail(providerId, member, lines)),
    figures: (providerId) => limited(provider.figures(providerId)),
    listSnapshots: (providerId) => limited(provider.listSnapshots(providerId)),
    deleteSnapshot: (providerId, snapshot) => limited(provider.deleteSnapshot(providerId, snapshot)),
    look: (request) => limited(provider.look(request)),
    start: (request, intent) => limited(provider.start(request, intent)),
    poll: (request, intent) => limited(provider.poll(request, intent)),
    cancel: (request) => limited(provider.cancel(request)),
  };
}
