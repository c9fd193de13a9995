/** Discovers instances: it looks at all scopes of a provider, several at a time, and keeps a record of each run. */
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Call } from "../../../audit/call.js";
import type { AuditService } from "../../../audit/index.js";
import { describeActor } from "../../../auth/actor.js";
import type { Db } from "../../../db/client.js";
import { badUserInput, conflict } from "../../../errors.js";
import type { Log } from "../../../log.js";
import type { Provider } from "../../../providers/provider.js";
import { asCaller, POSTERN_CALLER } from "../../../values/caller.js";
import type { InventoryService, RefreshedScope } from "../inventory/index.js";
import {
  claimDiscoveryRun,
  type DiscoveryRunScope,
  endAbandonedDiscovery,
  endDiscoveryRun,
  findRecentDiscoveryRun,
  insertDiscoveryRun,
  listAbandonedDiscoveries,
  listAbsentProviders,
  listOperatedInstances,
  releaseDiscoveryRuns,
  updateDiscoveryLease,
  updateDiscoveryScopes,
} from "./discovery.store.js";

/** A worker that has not extended its lease for so long counts as dead. */
const LEASE_MS = 10_000;

/** Who asks within so many seconds after a run has its answer: a loop of requests does not keep AWS busy for everybody else. */
const PAUSE_SECONDS = 30;

const SCHEDULE = { type: "system", name: "schedule" };

export interface DiscoveryDeps {
  readonly db: Db;
  readonly log: Log;
  readonly audit: AuditService;
  readonly inventory: InventoryService;
  readonly providers: readonly Provider[];
  readonly clock: { now(): Date };
  readonly discovery: {
    /** How long a look at one scope may take. */
    readonly scopeTimeoutMs: number;
    /** How many scopes are looked at at once. */
    readonly concurrency: number;
  };
}

export type DiscoveryService = ReturnType<typeof createDiscoveryService>;

/** Does the work for each item, `concurrency` of them at a time. @throws the first fault, once all are done */
async function forEach<T>(items: readonly T[], concurrency: number, work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  const faults: unknown[] = [];
  const take = async () => {
    for (const item of left) await work(item).catch((error) => faults.push(error));
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, take));
  if (faults.length > 0) throw faults[0];
}

/** A run that this worker does. */
interface OwnRun {
  readonly id: bigint;
  /** Whether another worker does it now, because this one was not heard of for too long. */
  isLost: boolean;
}

/**
 * One run of a provider is open at a time, and one worker does it, which holds its lease. So no scope is looked at twice at once. The worker
 * writes each scope down in the transaction of what it found there; where another worker has taken the run over, that undoes both.
 */
export function createDiscoveryService({
  db,
  log,
  audit,
  inventory,
  providers,
  clock,
  discovery: { scopeTimeoutMs, concurrency },
}: DiscoveryDeps) {
  const worker = randomUUID();
  let isStopping = false;
  /** What this worker does for each provider, by name. */
  const working = new Map<string, Promise<void>>();
  /** Who waits until that is done, for a run of its own. */
  const waiting = new Map<string, Promise<void>>();
  /** Looks that are written now. */
  const writing = new Set<Promise<void>>();

  async function discoverScope(provider: Provider, run: OwnRun, refreshed: RefreshedScope): Promise<void> {
    const isOver = () => isStopping || run.isLost;
    if (isOver()) return;
    const { accountId, region } = refreshed.scope;
    const startedAt = clock.now().toISOString();
    const look = await inventory.look(provider, refreshed, scopeTimeoutMs);
    if (isOver()) return;
    const write = inventory.writeLook(provider, refreshed, look, async (db, outcome) => {
      const scope: DiscoveryRunScope = {
        ...{ accountId, region, startedAt, endedAt: clock.now().toISOString() },
        ...outcome,
      };
      if (await updateDiscoveryScopes(db, run.id, worker, scope)) return;
      run.isLost = true;
      throw conflict("Another replica has taken this discovery over.");
    });
    writing.add(write);
    await write.finally(() => writing.delete(write));
  }

  /** Does the open run of a provider, unless another worker does. */
  async function work(provider: Provider): Promise<void> {
    const claimed = await claimDiscoveryRun(db, provider.name, worker, LEASE_MS);
    if (!claimed) return;
    const run: OwnRun = { id: claimed.id, isLost: false };
    const renew = () =>
      updateDiscoveryLease(db, run.id, worker, LEASE_MS).then(
        (isOurs) => (run.isLost ||= !isOurs),
        (error) => log.warn({ err: error, provider: provider.name }, "the lease of a discovery is not renewed"),
      );
    const timer = setInterval(renew, LEASE_MS / 3);
    try {
      const done = claimed.scopes as DiscoveryRunScope[];
      const isDone = ({ scope }: RefreshedScope) =>
        done.some(({ accountId, region }) => accountId === scope.accountId && region === scope.region);
      const scopes = (await inventory.scopesOf(provider)).filter((refreshed) => !isDone(refreshed));
      await forEach(scopes, concurrency, (refreshed) => discoverScope(provider, run, refreshed));
      if (!isStopping && !run.isLost) await endDiscoveryRun(db, run.id, worker);
    } finally {
      clearInterval(timer);
      // Where the run has not ended, it goes on at once, here or in another replica.
      await updateDiscoveryLease(db, run.id, worker, 0).catch(() => undefined);
    }
  }

  /** As `work`, once at a time. Postern is the caller, because a run outlives the request that asked for it. */
  function workOnce(provider: Provider): Promise<void> {
    const { name } = provider;
    const current =
      working.get(name) ?? asCaller(POSTERN_CALLER, () => work(provider)).finally(() => working.delete(name));
    working.set(name, current);
    return current;
  }

  const workSoon = (provider: Provider) =>
    void workOnce(provider).catch((error) =>
      log.warn({ err: error, provider: provider.name }, "discovery is interrupted; it goes on in a moment"),
    );

  return {
    /**
     * Looks at all scopes of a provider, beginning after this call. Where another replica is at it, its run is left alone.
     * @throws UNAVAILABLE where the database does not answer; a scope that cannot be listed is a result
     */
    discover(provider: Provider): Promise<void> {
      const { name } = provider;
      const next =
        waiting.get(name) ??
        Promise.resolve(working.get(name)?.catch(() => undefined)).then(async () => {
          waiting.delete(name);
          if (isStopping) return;
          await insertDiscoveryRun(db, name, SCHEDULE);
          await workOnce(provider);
        });
      waiting.set(name, next);
      return next.finally(() => waiting.get(name) === next && waiting.delete(name));
    },

    /**
     * Asks for a look at all scopes now, or joins the one that is under way or has just ended. @returns the ids of the runs, one for each
     * provider @throws BAD_USER_INPUT
     */
    async request(call: Call, provider: string | null): Promise<string[]> {
      const asked = providers.filter(({ name }) => provider === null || name === provider);
      if (asked.length === 0) {
        const names = providers.map(({ name }) => `\`${name}\``).join(", ");
        throw badUserInput("provider", names ? `The providers are ${names}.` : "Postern has no provider here.");
      }
      const ids = await db.transaction(async (db) => {
        const runs: { id: string; provider: string; joined: boolean }[] = [];
        for (const { name } of asked.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
          const recent = await findRecentDiscoveryRun(db, name, PAUSE_SECONDS);
          const { id, isNew } =
            recent === null
              ? await insertDiscoveryRun(db, name, describeActor(call.actor))
              : { id: recent, isNew: false };
          runs.push({ id: String(id), provider: name, joined: !isNew });
        }
        await audit.record(db, call, { resourceId: runs[0]!.id, result: { runs } });
        return runs.map(({ id }) => id);
      });
      for (const one of asked) workSoon(one);
      return ids;
    },

    /** Waits for work that goes on, at most that long. */
    waitFor: (work: Promise<void>, milliseconds: number): Promise<void> =>
      Promise.race([work, delay(milliseconds, undefined, { ref: false })]),

    /** Goes on with the runs that nobody does. */
    async sweep(): Promise<void> {
      if (isStopping || providers.length === 0) return;
      const names = await listAbandonedDiscoveries(
        db,
        providers.map(({ name }) => name),
      );
      for (const provider of providers) if (names.includes(provider.name)) workSoon(provider);
    },

    /**
     * Marks the scopes of the providers that this process does not have. During a change of configuration another replica may still have
     * one, and then takes the mark back when it looks. @param quietHours for how long nobody may have looked; so it settles
     */
    async removeAbsent(quietHours: number): Promise<void> {
      const names = providers.map(({ name }) => name);
      for (const name of await listAbsentProviders(db, names, quietHours)) {
        await inventory.scopesOf({ name, scopes: [] });
        await endAbandonedDiscovery(db, name);
      }
    },

    /** Refreshes the instances of a provider that are operated, which change more often than others. */
    async discoverOperated(provider: Provider): Promise<void> {
      const operated = await listOperatedInstances(db, provider.name);
      await forEach(operated, concurrency, async (providerId) => {
        await inventory
          .refreshInstance(provider, providerId)
          .catch((error) => log.warn({ err: error, providerId }, "an instance is not refreshed; it is tried again"));
      });
    },

    /** Begins nothing more, and waits for what is written now. Other replicas, or the next start, go on with open runs. */
    async stop(): Promise<void> {
      isStopping = true;
      await Promise.allSettled(writing);
      await releaseDiscoveryRuns(db, worker).catch(() => undefined);
    },
  };
}
