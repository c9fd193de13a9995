/** The module of operations on instances, with their schedule, backups by the clock and automatic failovers. */
import { can } from "../../../auth/rules.js";
import type { CompilationLimits } from "../../../engine/read/compilation.js";
import type { Jobs } from "../../../jobs/jobs.js";
import type { Module } from "../../../module.js";
import type { Provider } from "../../../providers/provider.js";
import { type AcceptanceDeps, createAcceptance } from "./acceptance.service.js";
import { createAgreedTags } from "./agreed-tags.service.js";
import { type BackupsDeps, createBackups } from "./backups.service.js";
import { type BeginningDeps, createBeginning } from "./beginning.service.js";
import { createBulkCancellation } from "./bulk-cancellation.service.js";
import { type BulkDispatchDeps, createBulkDispatch } from "./bulk-dispatch.service.js";
import { BulkOperation } from "./bulk-operations.model.js";
import { bulkOperationMutations } from "./bulk-operations.mutations.js";
import { BulkOperationPart } from "./bulk-parts.model.js";
import { createBulkRequests } from "./bulk-requests.service.js";
import { type CompletionDeps, createCompletion } from "./completion.service.js";
import { createFailovers } from "./failover.service.js";
import { OperationMetricsResolver } from "./operation-metrics.resolver.js";
import { createOperationMetrics, type OperationMetricsDeps } from "./operation-metrics.service.js";
import { liveOperation, Operation } from "./operations.model.js";
import { operationMutations } from "./operations.mutations.js";
import { createOperationsService, type OperationsDeps, type OperationsService } from "./operations.service.js";
import { listOpenOperations } from "./operations-under-way.store.js";
import { PlanningResolver } from "./planning.resolver.js";
import { createPlanning } from "./planning.service.js";
import { createSchedule, type ScheduleDeps } from "./schedule.service.js";
import { createWaiting, type WaitingDeps } from "./waiting.service.js";
import { createWorker, type WorkerDeps } from "./worker.service.js";

type Wired =
  | "acceptance"
  | "beginning"
  | "waiting"
  | "completion"
  | "operations"
  | "onEnded"
  | "onReconciled"
  | "enqueue"
  | "wake"
  | "onCancelRequested";

interface OperationsModuleDeps
  extends Omit<
    AcceptanceDeps &
      BulkDispatchDeps &
      CompletionDeps &
      OperationsDeps &
      OperationMetricsDeps &
      BackupsDeps &
      BeginningDeps &
      ScheduleDeps &
      WorkerDeps,
    Wired
  > {
  readonly jobs: Jobs;
  readonly limits: CompilationLimits;
  readonly providers: readonly Provider[];
  readonly timings: WaitingDeps["timings"] & { readonly sweepMs: number; readonly watchMs: number };
}

interface OperationsModule extends Module {
  readonly environmentOf: OperationsService["environmentOf"];
  /** Does what is due by the clock, and wakes the worker for all instances with operations that wait. */
  sweep(): Promise<void>;
  /** Queues tags on which two administrators have agreed. */
  readonly queueTags: ReturnType<typeof createAgreedTags>;
  /** Answers all requests that wait for an operation. */
  release(): void;
}

/** The queue of wake-ups for the instances of a provider. */
const queueOf = (provider: string) => `operations-${provider}`;

export function operationsModule(deps: OperationsModuleDeps): OperationsModule {
  const { log, jobs, providers, timings } = deps;
  const wake = (instanceId: bigint) => worker.wake(instanceId);
  const waiting = createWaiting(deps);
  const completion = createCompletion({
    ...deps,
    waiting,
    onEnded: ({ bulkOperationId }) => {
      if (bulkOperationId !== null) dispatch.wake();
    },
    onReconciled: wake,
  });
  const worker = createWorker({ ...deps, completion, beginning: createBeginning(deps) });
  const schedule = createSchedule({ ...deps, completion, waiting });
  const enqueue: AcceptanceDeps["enqueue"] = (db, { provider, id }) =>
    jobs.enqueue(db, queueOf(provider), { instanceId: String(id) });
  const acceptance = createAcceptance({ ...deps, enqueue });
  const operations = createOperationsService({
    ...deps,
    acceptance,
    completion,
    waiting,
    enqueue,
    wake,
    onCancelRequested: worker.cancel,
  });
  const planning = createPlanning({ ...deps, acceptance });
  const dispatch = createBulkDispatch({ ...deps, acceptance, wake });
  const cancellation = createBulkCancellation({ ...deps, completion, waiting, dispatch, wake });
  const bulk = { ...createBulkRequests({ ...deps, acceptance, dispatch }), ...cancellation };
  const failovers = createFailovers({ ...deps, completion, waiting, operations, wake });
  const backups = createBackups({ ...deps, operations });

  const sweep = async () => {
    await schedule
      .run()
      .catch((error) => log.warn({ err: error }, "the schedule is not followed; it is looked at again"));
    dispatch.wake();
    await worker.sweep().catch((error) => log.warn({ err: error }, "operations not swept; they are looked at again"));
  };

  /** Begins the failovers that are due. A provider that fails is asked again at the next interval. */
  const watch = async (): Promise<void> => {
    const watches = providers.map(async (provider) => {
      for (const due of await provider.watch()) await failovers.begin(provider.name, due);
    });
    for (const result of await Promise.allSettled(watches)) {
      if (result.status === "rejected")
        log.warn({ err: result.reason }, "providers not watched; they are looked at again");
    }
  };

  const timers: NodeJS.Timeout[] = [];
  let watching: Promise<void> | undefined;
  const watchOnce = () => {
    watching ??= watch().finally(() => (watching = undefined));
  };

  return {
    types: [Operation, BulkOperation, BulkOperationPart],
    queries: { operationMetrics: can("operations:read"), planOperation: can("operations:read") },
    resolvers: [
      new OperationMetricsResolver(createOperationMetrics(deps), deps.limits),
      new PlanningResolver(planning),
    ],
    mutations: { ...operationMutations(operations), ...bulkOperationMutations(bulk) },
    live: [liveOperation(() => listOpenOperations(deps.db))],
    tasks: providers.flatMap((provider) => [
      { name: `backups-${provider.name}`, cron: "* * * * *", run: () => backups.run(provider) },
      { name: `settle-${provider.name}`, cron: "* * * * *", run: () => completion.reconcile(provider) },
    ]),

    /** Takes over operations that a predecessor left, and begins to work. */
    async start(): Promise<void> {
      if (providers.length === 0) return;
      await sweep();
      for (const { name } of providers) {
        // A replica without this provider takes none of its wake-ups.
        await jobs.work<{ instanceId: string }>(queueOf(name), ({ instanceId }) => wake(BigInt(instanceId)));
      }
      timers.push(setInterval(sweep, timings.sweepMs).unref(), setInterval(watchOnce, timings.watchMs).unref());
    },

    async stop(): Promise<void> {
      for (const timer of timers) clearInterval(timer);
      await watching;
      await dispatch.stop();
      await worker.stop();
    },

    environmentOf: operations.environmentOf,
    sweep,
    queueTags: createAgreedTags({ ...deps, acceptance }),
    release: waiting.release,
  };
}
