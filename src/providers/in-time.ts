/** A limit to how long Postern waits for a provider's answer. */
import { unavailable } from "../errors.js";
import type { Provider } from "./provider.js";

/** @returns the provider, but UNAVAILABLE where its answer takes too long; that may come later, and does no harm then */
export function withinTime(provider: Provider, timeoutMs: number): Provider {
  async function inTime<T>(answer: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(unavailable("The provider")), timeoutMs);
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
      answer.catch(() => undefined);
    }
  }
  return {
    name: provider.name,
    operations: provider.operations,
    takesAutomatedSnapshots: provider.takesAutomatedSnapshots,
    reportTo: (report) => provider.reportTo(report),
    // These work for as long as there is something to do.
    upkeep: () => provider.upkeep(),
    watch: () => provider.watch(),
    list: () => inTime(provider.list()),
    describe: (providerId) => inTime(provider.describe(providerId)),
    logTail: (providerId, member, lines) => inTime(provider.logTail(providerId, member, lines)),
    listSnapshots: (providerId) => inTime(provider.listSnapshots(providerId)),
    deleteSnapshot: (providerId, snapshot) => inTime(provider.deleteSnapshot(providerId, snapshot)),
    start: (request) => inTime(provider.start(request)),
    poll: (request) => inTime(provider.poll(request)),
  };
}
