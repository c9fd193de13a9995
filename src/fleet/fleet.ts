/** The fleet at work: inventory, operations, their worker and their schedule, wired over the providers. */

import type { AuditService, SecurityService } from "../audit/index.js";
import type { Db } from "../db/client.js";
import type { Jobs, Task } from "../jobs/jobs.js";
import type { Log } from "../log.js";
import {
  createDeeds,
  createInventoryService,
  createMemberLogs,
  type EnvironmentRules,
  InventoryResolver,
  MemberLogsResolver,
} from "../modules/fleet/inventory/index.js";
import {
  createEndings,
  createFailovers,
  createOperationsService,
  createSchedule,
  createWorker,
  OperationsResolver,
  type Polling,
} from "../modules/fleet/operations/index.js";
import type { Pace } from "../pace.js";
import { withinTime } from "../providers/in-time.js";
import type { OperationType, Provider } from "../providers/provider.js";

export interface FleetDeps {
  readonly db: Db;
  readonly log: Log;
  readonly clock: { now(): Date };
  readonly audit: AuditService;
  readonly security: SecurityService;
  readonly jobs: Jobs;
  readonly providers: readonly Provider[];
  /** Keys what is kept of the input of calls with an idempotency key. */
  readonly fingerprintKey: string;
  readonly pace: Pace;
  readonly config: {
    readonly environmentRules: EnvironmentRules;
    readonly polling: (provider: string, type: OperationType) => Polling;
    /** Whether a backup that was missed in its window is taken after it. */
    readonly backupCatchUp: boolean;
  };
}

export function createFleet(deps: FleetDeps) {
  const { db, log, clock, audit, security, jobs, fingerprintKey, pace, config } = deps;
  const providers = deps.providers.map((provider) => withinTime(provider, pace.answerTimeoutMs));
  const { environmentRules: rules, polling, backupCatchUp: catchUp } = config;
  const byName = new Map(providers.map((provider) => [provider.name, provider]));
  const inventory = createInventoryService({ db, audit, log, providers: byName, rules });
  const deeds = createDeeds({ log, audit, security, inventory });
  for (const provider of providers) provider.reportTo(deeds.reportOf(provider));
  const endings = createEndings({
    db,
    log,
    audit,
    security,
    inventory,
    pace,
    onSettled: (instanceId) => worker.wake(instanceId),
  });
  const worker = createWorker({ db, log, inventory, endings, polling });
  const operations = createOperationsService({
    db,
    audit,
    inventory,
    clock,
    fingerprintKey,
    endings,
    enqueue: (db, { provider, id }) => jobs.enqueue(db, queueOf(provider), { instanceId: String(id) }),
    wake: (instanceId) => worker.wake(instanceId),
  });
  const failovers = createFailovers({ db, inventory, endings, operations, wake: (id) => worker.wake(id) });
  const schedule = createSchedule({ db, log, audit, security, inventory, operations, catchUp });

  const refresh = async (): Promise<void> => {
    await Promise.all(
      providers.map((provider) =>
        inventory.refresh(provider).catch((error) => {
          log.warn({ err: error, provider: provider.name }, "inventory not refreshed; it is tried again");
        }),
      ),
    );
    // What waited for an instance that is there now begins.
    await sweep();
  };
  const sweep = () =>
    worker.sweep().catch((error) => log.warn({ err: error }, "operations not swept; they are looked at again"));

  /** Has failed over what is due; a look that fails is made again. */
  const watch = async (): Promise<void> => {
    const looks = providers.map(async (provider) => {
      for (const due of await provider.watch()) await failovers.begin(provider.name, due);
    });
    for (const look of await Promise.allSettled(looks)) {
      if (look.status === "rejected") log.warn({ err: look.reason }, "providers not watched; they are looked at again");
    }
  };

  let sweeping: NodeJS.Timeout | undefined;
  let watching: NodeJS.Timeout | undefined;
  /** The look under way. */
  let look: Promise<void> | undefined;

  return {
    resolvers: [
      new InventoryResolver(inventory),
      new MemberLogsResolver(createMemberLogs(byName)),
      new OperationsResolver(operations),
    ],

    /** The environment of an instance, for the permission door. */
    environmentOf: inventory.environmentOf,

    refresh,

    /** Looks at every provider, takes up what a predecessor left, and begins to work. */
    async start(): Promise<void> {
      if (providers.length === 0) return;
      await refresh();
      for (const provider of providers) {
        // Only those who reach a provider work for its instances.
        await jobs.work<{ instanceId: string }>(queueOf(provider.name), ({ instanceId }) =>
          worker.wake(BigInt(instanceId)),
        );
      }
      await jobs.schedule(
        providers.flatMap((provider): Task[] => [
          { name: `inventory-${provider.name}`, cron: "* * * * *", run: () => inventory.refresh(provider) },
          { name: `backups-${provider.name}`, cron: "* * * * *", run: () => schedule.run(provider) },
          { name: `upkeep-${provider.name}`, cron: "* * * * *", run: () => provider.upkeep() },
          { name: `settle-${provider.name}`, cron: "* * * * *", run: () => endings.settle(provider) },
        ]),
      );
      sweeping = setInterval(sweep, pace.sweepMs);
      sweeping.unref();
      const lookOnce = () => {
        look ??= watch().finally(() => (look = undefined));
      };
      watching = setInterval(lookOnce, pace.watchMs);
      watching.unref();
    },

    /** Lets nobody wait for an operation any more. */
    release: endings.release,

    async stop(): Promise<void> {
      clearInterval(sweeping);
      clearInterval(watching);
      await look;
      await worker.stop();
    },
  };
}

/** Wake-ups for the instances of a provider. */
const queueOf = (provider: string) => `operations-${provider}`;
