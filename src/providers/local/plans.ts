/** Plans the instances that are wanted, creates them, and tries again where that failed. A planned instance is listed at once. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Finding } from "../provider.js";
import { bringUp } from "./bring-up.js";
import { applyConfiguration, configuredOf, keepStandbyData } from "./configure.js";
import { createInstance, type NewInstance, planToCreate } from "./create.js";
import { type Host } from "./host.js";
import type { LocalInstance } from "./instance-file.js";
import { instanceIdentifierTaken } from "./instances.js";
import { fenceMember } from "./members.js";
import type { TcpPorts } from "./ports.js";
import { taskFailureOf } from "./task.js";

export type Plans = ReturnType<typeof createPlans>;

const keyOf = ({ identifier }: { readonly identifier: string }) => identifier.toLowerCase();

/** @param onMade is called with the id of each instance that is complete */
export function createPlans(host: Host, ports: TcpPorts, onMade: (providerId: string) => void) {
  const { instances, log } = host;
  const stopping = new AbortController();
  /** The creations that run, by identifier. */
  const making = new Map<string, Promise<void>>();
  /** The creations that failed, by providerId. */
  const failed = new Map<string, { readonly message: string; readonly wanted: NewInstance }>();

  /** The configurations that are applied once the primary takes writes, by providerId. */
  const waiting = new Map<string, NewInstance>();

  /** Why the configuration of an existing instance could not be applied, by providerId. */
  const unapplied = new Map<string, string>();

  async function fenceAll(id: string): Promise<void> {
    const members = await readdir(join(instances.folderOf(id), "members")).catch(() => []);
    for (const name of members) await fenceMember(host, id, name, "none");
  }

  async function removeAll(id: string): Promise<void> {
    await fenceAll(id);
    await instances.remove(id);
  }

  /** Removes what a failed creation has left, and keeps the plan. */
  async function clear(id: string): Promise<void> {
    await fenceAll(id);
    await instances.clear(id);
  }

  async function make(wanted: NewInstance, isUnderWay: boolean): Promise<void> {
    const plan = (await instances.plans()).find((candidate) => keyOf(candidate) === keyOf(wanted));
    // A planned identifier is not free for a restored copy.
    if (plan && wanted.copy) throw instanceIdentifierTaken(wanted);
    const signal = wanted.copy ? AbortSignal.any([stopping.signal, wanted.copy.signal]) : stopping.signal;
    if (!plan) return onMade(await createInstance(host, ports, wanted, { isUnderWay }, signal, removeAll));
    try {
      onMade(await createInstance(host, ports, wanted, { isUnderWay, plan }, stopping.signal, clear));
      failed.delete(plan.providerId);
    } catch (error) {
      if (!isUnderWay) failed.set(plan.providerId, { message: taskFailureOf(error, stopping.signal).message, wanted });
      throw error;
    }
  }

  /** @throws CONFLICT, BAD_USER_INPUT, Error when PostgreSQL does not start, and the reason of a stop */
  async function create(wanted: NewInstance): Promise<void> {
    stopping.signal.throwIfAborted();
    const key = keyOf(wanted);
    const isUnderWay = making.has(key);
    const done = make(wanted, isUnderWay).finally(() => making.get(key) === done && making.delete(key));
    if (!isUnderWay) making.set(key, done);
    return done;
  }

  return {
    create,
    removeAll,

    /** Removes what a killed process left incomplete, and keeps the plans. */
    async sweep(): Promise<void> {
      for (const id of await instances.ids()) {
        if (await instances.isUnfinished(id)) await ((await instances.findPlan(id)) ? clear(id) : removeAll(id));
        else {
          await instances
            .completeInsert(id)
            .catch((error) => log.error({ err: error, instance: id }, "The description of an instance cannot be read"));
        }
      }
    },

    /** Plans missing instances under ids that stay, removes plans that are not wanted, and configures what exists. @returns what is missing */
    async plan(wanted: readonly NewInstance[]): Promise<NewInstance[]> {
      const readable = await instances.list();
      const described = await instances.described().catch((error) => {
        log.error({ err: error }, "Missing instances cannot be created until this is mended");
        return null;
      });
      const existing = new Set((described ?? readable).map(keyOf));
      const planned = await instances.plans();
      const keys = wanted.map(keyOf);
      const missing = wanted.filter(
        (_, index) => !existing.has(keys[index] as string) && keys.indexOf(keys[index] as string) === index,
      );
      for (const plan of planned) {
        if (!missing.some((instance) => keyOf(instance) === keyOf(plan))) await removeAll(plan.providerId);
      }
      for (const instance of readable) {
        const configured = wanted.find((candidate) => keyOf(candidate) === keyOf(instance));
        if (!configured) continue;
        await applyConfiguration(host, ports, instance, configured, false).then(
          (isWaiting) => {
            unapplied.delete(instance.providerId);
            waiting.delete(instance.providerId);
            if (isWaiting) waiting.set(instance.providerId, configured);
          },
          (error) => {
            log.error({ err: error, instance: instance.identifier }, "A change of configuration could not be applied");
            unapplied.set(instance.providerId, taskFailureOf(error, stopping.signal).message);
          },
        );
      }
      if (!described) return missing.filter((instance) => planned.some((plan) => keyOf(plan) === keyOf(instance)));
      for (const instance of missing) {
        const before = planned.find((plan) => keyOf(plan) === keyOf(instance));
        await instances.writePlan({
          ...(await planToCreate(host, ports, instance, before)),
          configured: configuredOf(instance),
        });
      }
      return missing;
    },

    /** Applies a waiting configuration now that the primary takes writes, and restarts it where the number of connections changes. */
    async applyWaiting(providerId: string): Promise<void> {
      const [wanted, before] = [waiting.get(providerId), await instances.find(providerId)];
      if (!wanted || !before) return;
      if (!wanted.standby) await keepStandbyData(host, before);
      await applyConfiguration(host, ports, before, wanted, true);
      waiting.delete(providerId);
      const after = await instances.find(providerId);
      if (!after || after.maxConnections === before.maxConnections) return;
      await fenceMember(host, providerId, after.primary);
      await bringUp(host, providerId, stopping.signal);
    },

    /** @returns why a planned instance could not be made, undefined where it has not failed */
    faultOf: ({ providerId }: Pick<LocalInstance, "providerId">) => failed.get(providerId)?.message,

    findingsOf({ providerId }: Pick<LocalInstance, "providerId">): Finding[] {
      const fault =
        unapplied.get(providerId) ??
        (waiting.has(providerId)
          ? "The change removes the data of a standby, so it waits until the primary takes writes."
          : undefined);
      if (fault === undefined) return [];
      const detail = `The configuration of this instance could not be applied; the next start tries again. ${fault}`;
      return [{ kind: "configuration_not_applied", severity: "WARNING", subject: null, detail }];
    },

    /** Starts to make again what failed, and returns at once. */
    retry(): void {
      for (const { wanted } of failed.values()) {
        if (stopping.signal.aborted || making.has(keyOf(wanted))) continue;
        create(wanted).catch((error) =>
          log.error({ err: error, instance: wanted.identifier }, "An instance could not be made; it is tried again"),
        );
      }
    },

    /** Stops all creations, and resolves when they have ended. */
    async stop(): Promise<void> {
      stopping.abort();
      await Promise.allSettled(making.values());
    },
  };
}
