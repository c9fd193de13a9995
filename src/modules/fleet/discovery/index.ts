/** The module of discovery: runs that look at all scopes of a provider, on the schedule and on request. */
import type { Module } from "../../../module.js";
import { DiscoveryRun } from "./discovery.model.js";
import { discoveryMutations } from "./discovery.mutations.js";
import { createDiscoveryService, type DiscoveryDeps } from "./discovery.service.js";
import { deleteOldDiscoveryRuns } from "./discovery.store.js";

interface DiscoveryModule extends Module {
  /** Looks at every provider now. One that does not answer is tried again on the schedule. */
  refresh(): Promise<void>;
}

/** @returns the cron expression of an interval, in whole minutes up to an hour */
const everySeconds = (seconds: number): string => {
  const minutes = Math.min(60, Math.max(1, Math.round(seconds / 60)));
  return minutes === 60 ? "0 * * * *" : `*/${minutes} * * * *`;
};

/** A provider that is listed less often has the instances that are operated looked at in between. */
const OPERATED_SECONDS = 60;

/** A provider at which no replica has looked for so long is configured nowhere. It is longer than any interval. */
const ABSENT_HOURS = 2;

export function discoveryModule(
  deps: DiscoveryDeps & { readonly timings: { readonly sweepMs: number; readonly answerTimeoutMs: number } },
): DiscoveryModule {
  const { db, log, providers, timings } = deps;
  const discovery = createDiscoveryService(deps);
  const refresh = async (): Promise<void> => {
    const runs = providers.map((provider) =>
      discovery.discover(provider).catch((error) => {
        log.warn({ err: error, provider: provider.name }, "inventory not refreshed; it is tried again");
      }),
    );
    await Promise.all(runs);
  };
  const sweep = () =>
    discovery.sweep().catch((error) => log.warn({ err: error }, "discoveries not swept; they are looked at again"));
  const removeAbsent = (quietHours: number) =>
    discovery
      .removeAbsent(quietHours)
      .catch((error) => log.warn({ err: error }, "what is configured no more is not marked; that is tried again"));
  let timer: NodeJS.Timeout | undefined;

  return {
    types: [DiscoveryRun],
    mutations: discoveryMutations(discovery),
    tasks: [
      ...providers.map((provider) => ({
        name: `inventory-${provider.name}`,
        cron: everySeconds(provider.discovery.everySeconds),
        run: () => discovery.discover(provider),
      })),
      ...providers
        .filter((provider) => provider.discovery.everySeconds > OPERATED_SECONDS)
        .map((provider) => ({
          name: `operated-${provider.name}`,
          cron: "* * * * *",
          run: () => discovery.discoverOperated(provider),
        })),
      { name: "absent-providers", cron: "*/10 * * * *", run: () => removeAbsent(ABSENT_HOURS) },
      { name: "retention-discovery", cron: "23 * * * *", run: () => deleteOldDiscoveryRuns(db) },
    ],
    async start(): Promise<void> {
      await removeAbsent(0);
      // A provider that does not answer does not hold up the start.
      await discovery.waitFor(refresh(), timings.answerTimeoutMs);
      timer = setInterval(sweep, timings.sweepMs).unref();
    },
    async stop(): Promise<void> {
      clearInterval(timer);
      await discovery.stop();
    },
    refresh,
  };
}
