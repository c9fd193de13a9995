/** Stores the description of each local instance in an instance.json in a folder of its own. */

import { randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { syncFolder } from "../../durability.js";
import { conflict } from "../../errors.js";
import { makePrivateFolder } from "../../postgres/folder.js";
import type { OsUser } from "../../postgres/os-user.js";
import { OperationFailureError } from "../errors.js";
import { readDurable, writeDurableJson } from "./durable-json.js";
import { instanceForm, type LocalInstance } from "./instance-file.js";
import type { RequireOwned } from "./ownership.js";

const DESCRIPTION = "instance.json";
/** A copy of the description for when that cannot be read. It is shown, and never acted upon. */
const COPY = "instance.json.copy";
/** Marks an instance that is being made or removed. It holds the plan of an instance that is wanted. */
const MARK = "unfinished";

const removeTree = (path: string) => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });

export type Instances = ReturnType<typeof openInstances>;

/** @param folder a folder that is private to `user` */
export function openInstances(folder: string, user: OsUser, requireOwned: RequireOwned) {
  const folderOf = (providerId: string) => join(folder, providerId);
  const fileOf = (providerId: string) => join(folderOf(providerId), DESCRIPTION);
  const copyOf = (providerId: string) => join(folderOf(providerId), COPY);
  const markOf = (providerId: string) => join(folderOf(providerId), MARK);
  const lastWrite = new Map<string, Promise<unknown>>();

  const isId = (providerId: string) => /^db-[0-9a-f]+$/.test(providerId);

  const read = async (path: string): Promise<LocalInstance | null> => (await readDurable(path, instanceForm)) ?? null;

  async function namesIn(providerId: string): Promise<string[]> {
    return readdir(folderOf(providerId)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
      throw error;
    });
  }

  /** Whether a killed creation or removal left the folder. A folder with data that lost its description otherwise does not count. */
  const isUnfinished = (names: readonly string[]) =>
    !names.includes(DESCRIPTION) && (names.includes(MARK) || !names.includes("members"));

  /** @returns null where there is no such instance @throws Error when its file cannot be read, or is lost */
  async function find(providerId: string): Promise<LocalInstance | null> {
    if (!isId(providerId)) return null;
    const stored = await read(fileOf(providerId));
    if (stored || isUnfinished(await namesIn(providerId))) return stored;
    // The creation may have completed between the two look-ups.
    const completed = await read(fileOf(providerId));
    if (!completed) throw new Error(`${DESCRIPTION} is gone from a folder that holds data`);
    return completed;
  }

  /** @returns the copy of an instance whose file cannot be read; null where there is none */
  const findCopy = (providerId: string) => read(copyOf(providerId)).catch(() => null);

  async function write(instance: LocalInstance): Promise<void> {
    await requireOwned();
    // The copy comes first: if a kill prevents the second write, it only reserves an identifier or a port too early.
    await writeDurableJson(copyOf(instance.providerId), instance);
    await writeDurableJson(fileOf(instance.providerId), instance);
  }

  /** @returns the ids of all folders, also of those that hold no instance yet */
  const ids = async () => (await readdir(folder)).filter((name) => name.startsWith("db-")).sort();

  /** @returns the plan of an instance that is not complete; null where there is none */
  async function findPlan(providerId: string): Promise<LocalInstance | null> {
    if (!isId(providerId)) return null;
    const plan = (await readDurable(markOf(providerId), instanceForm.nullable().catch(null))) ?? null;
    return plan && !(await namesIn(providerId)).includes(DESCRIPTION) ? plan : null;
  }

  return {
    requireOwned,
    ids,
    find,
    findCopy,
    findPlan,
    folderOf,
    newId: () => `db-${randomBytes(8).toString("hex")}`,
    journalOf: (providerId: string) => join(folderOf(providerId), "journal"),
    memberFolder: (providerId: string, member: string) => join(folderOf(providerId), "members", member),

    /** Lists the instances that can be read. */
    async list(): Promise<LocalInstance[]> {
      const instances = await Promise.all((await ids()).map((id) => find(id).catch(() => null)));
      return instances.filter((instance) => instance !== null);
    },

    /**
     * Lists all instances, for their identifiers and ports; of one that cannot be read, its copy.
     * @throws OperationFailureError where not even the copy can be read: a new instance might take the identifier or port of that one
     */
    async described(): Promise<LocalInstance[]> {
      const copyOrThrow = async (id: string) => {
        const copy = await findCopy(id);
        if (copy) return copy;
        const message = `No instance can be created while it is not known which one lies in ${folderOf(id)}: make ${DESCRIPTION} there readable again.`;
        throw new OperationFailureError("InvalidDBInstanceState", message);
      };
      const instances = await Promise.all((await ids()).map((id) => find(id).catch(() => copyOrThrow(id))));
      return instances.filter((instance) => instance !== null);
    },

    async plans(): Promise<LocalInstance[]> {
      const plans = await Promise.all((await ids()).map((id) => findPlan(id).catch(() => null)));
      return plans.filter((plan) => plan !== null);
    },

    /** Records that the instance is wanted. */
    async writePlan(plan: LocalInstance): Promise<void> {
      await requireOwned();
      await makePrivateFolder(folderOf(plan.providerId), user);
      await writeDurableJson(markOf(plan.providerId), instanceForm.parse(plan));
    },

    /** Removes everything of an incomplete instance except its plan. */
    async clear(providerId: string): Promise<void> {
      for (const path of ["journal", "members"]) await removeTree(join(folderOf(providerId), path));
    },

    /** Makes the folders of a new instance, and marks it as unfinished. */
    async prepare(providerId: string): Promise<void> {
      await requireOwned();
      await makePrivateFolder(folderOf(providerId), user);
      if (!(await findPlan(providerId))) await writeDurableJson(markOf(providerId), {});
      for (const path of ["journal", "members"]) await makePrivateFolder(join(folderOf(providerId), path), user);
    },

    /** Writes the description: from here on, the instance exists. */
    async insert(instance: LocalInstance): Promise<void> {
      await write(instanceForm.parse(instance));
      await rm(markOf(instance.providerId));
    },

    isUnfinished: async (providerId: string): Promise<boolean> => isUnfinished(await namesIn(providerId)),

    /** Completes an insert that a kill cut short: with a mark left, an instance that loses its description later would be removed. */
    async completeInsert(providerId: string): Promise<void> {
      if ((await namesIn(providerId)).includes(MARK)) {
        await rm(markOf(providerId));
        await syncFolder(folderOf(providerId));
      }
      const [stored, copy] = [await find(providerId), await findCopy(providerId)];
      if (stored && !isDeepStrictEqual(stored, copy)) await writeDurableJson(copyOf(providerId), stored);
    },

    /** Changes one instance; changes of the same instance wait for each other. @returns the changed instance, null where it is gone */
    update(providerId: string, change: (instance: LocalInstance) => LocalInstance): Promise<LocalInstance | null> {
      const next = async () => {
        const before = await find(providerId);
        if (!before) return null;
        const after = instanceForm.parse(change(before));
        if (JSON.stringify(after) !== JSON.stringify(before)) await write(after);
        return after;
      };
      const done = (lastWrite.get(providerId) ?? Promise.resolve()).then(next, next);
      lastWrite.set(providerId, done);
      return done;
    },

    /** Removes the instance. After a kill in between it counts as unfinished, and is not listed. */
    async remove(providerId: string): Promise<void> {
      await requireOwned();
      // A full disk takes no mark, and an instance that is only being made has one. A plan is none: it would be made again.
      const isMarked = (await namesIn(providerId)).includes(MARK) && !(await findPlan(providerId));
      if (!isMarked) await writeDurableJson(markOf(providerId), {});
      await rm(fileOf(providerId), { force: true });
      // The data goes before the mark: data without a mark would count as an instance that lost its description.
      await removeTree(join(folderOf(providerId), "members"));
      await removeTree(folderOf(providerId));
    },
  };
}

/** Opens the instances in a fleet's folder to look at them only. */
export const lookAtInstances = (fleet: string, user: OsUser) =>
  openInstances(join(fleet, "instances"), user, () => Promise.reject(new Error("Nothing is written here.")));

export const instanceIdentifierTaken = ({ identifier }: { readonly identifier: string }) =>
  conflict(`There is an instance ${identifier} already.`);
