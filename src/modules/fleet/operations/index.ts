/** Operations on instances: requested, queued, run, recorded; backups by the clock; failovers that nobody asked for. */
import type { Jobs } from "../../../jobs/jobs.js";
import type { Module } from "../../../module.js";
import type { Provider } from "../../../providers/provider.js";
import { type BackupsDeps, createBackups } from "./backups.service.js";
import { type CompletionDeps, createCompletion } from "./completion.service.js";
import { createFailovers } from "./failover.service.js";
import { Operation } from "./operations.model.js";
import { operationMutations } from "./operations.mutations.js";
import { createOperationsService, type OperationsDeps } from "./operations.service.js";
import { createWorker, type WorkerDeps } from "./worker.service.js";

type Wired = "completion" | "operations" | "onReconciled" | "enqueue" | "wake";

export interface OperationsModuleDeps extends Omit<CompletionDeps & OperationsDeps & BackupsDeps & WorkerDeps, Wired> {
  readonly jobs: Jobs;
  readonly providers: readonly Provider[];
  readonly pace: CompletionDeps["pace"] & { readonly sweepMs: number; readonly watchMs: number };
}

export interface OperationsModule extends Module {
  /** Begins what waited for an instance that is there now. */
  sweep(): Promise<void>;
  /** Lets nobody wait for an operation any more. */
  release(): void;
}

/** Wake-ups for the instances of a provider. */
const queueOf = (provider: string) => `operations-${provider}`;

export function operationsModule(deps: OperationsModuleDeps): OperationsModule {
  const { log, jobs, providers, pace } = deps;
  const wake = (instanceId: bigint) => worker.wake(instanceId);
  const completion = createCompletion({ ...deps, onReconciled: wake });
  const worker = createWorker({ ...deps, completion });
  const operations = createOperationsService({
    ...deps,
    completion,
    enqueue: (db, { provider, id }) => jobs.enqueue(db, queueOf(provider), { instanceId: String(id) }),
    wake,
  });
  const failovers = createFailovers({ ...deps, completion, operations, wake });
  const backups = createBackups({ ...deps, operations });

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

  const timers: NodeJS.Timeout[] = [];
  /** The look under way. */
  let look: Promise<void> | undefined;
  const watchOnce = () => {
    look ??= watch().finally(() => (look = undefined));
  };

  return {
    types: [Operation],
    mutations: operationMutations(operations),
    tasks: providers.flatMap((provider) => [
      { name: `backups-${provider.name}`, cron: "* * * * *", run: () => backups.run(provider) },
      { name: `settle-${provider.name}`, cron: "* * * * *", run: () => completion.reconcile(provider) },
    ]),

    /** Takes up what a predecessor left, and begins to work. */
    async start(): Promise<void> {
      if (providers.length === 0) return;
      await sweep();
      for (const { name } of providers) {
        // Only those who reach a provider work for its instances.
        await jobs.work<{ instanceId: string }>(queueOf(name), ({ instanceId }) => wake(BigInt(instanceId)));
      }
      timers.push(setInterval(sweep, pace.sweepMs).unref(), setInterval(watchOnce, pace.watchMs).unref());
    },

    async stop(): Promise<void> {
      for (const timer of timers) clearInterval(timer);
      await look;
      await worker.stop();
    },

    sweep,
    release: completion.release,
  };
}
