/** The durable description of each local instance: instance.json in a folder of its own. All else about it is observed. */
import { randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { syncFolder } from "../../durability.js";
import { makePrivate } from "../../postgres/folder.js";
import type { OsUser } from "../../postgres/os-user.js";
import { BACKUP_WINDOW, MAINTENANCE_WINDOW } from "../../values/windows.js";
import { OperationFailure } from "../errors.js";
import { readDurable, writeDurably } from "./durable-json.js";
import type { RequireOwned } from "./owner.js";

export const backupWindowForm = z.string().regex(BACKUP_WINDOW);
export const maintenanceWindowForm = z.string().regex(MAINTENANCE_WINDOW);
export const tagsForm = z.array(z.object({ key: z.string().min(1).max(128), value: z.string().max(256) })).max(50);

export const maxConnectionsForm = z.number().int().min(20).max(1000);

export const autoFailoverForm = z.object({
  afterSeconds: z.number().int().min(5).max(3600),
  maxLagBytes: z.number().int().min(0),
});

const memberForm = z.object({
  /** Stable, unlike its role. */
  name: z.enum(["a", "b"]),
  /** On loopback, chosen once. */
  port: z.number().int(),
  /** Its data must never be started again: it is to be cloned anew from the primary. */
  stale: z.boolean(),
  /** The folder that its stale data are put aside as, for they may hold what nothing else does; null where they are of no use. */
  keep: z.string().nullable().default(null),
  /** It was fenced for having been promoted by hand, which is not on record yet. */
  isUntold: z.literal(true).optional(),
});

/** What configuration last said of an instance. */
const configuredForm = z.object({
  tags: tagsForm,
  maintenanceWindow: maintenanceWindowForm,
  backupWindow: backupWindowForm,
  autoFailover: autoFailoverForm.nullable().default(null),
  backupRetentionDays: z.number().int(),
  maxConnections: maxConnectionsForm.optional(),
  standby: z.boolean(),
});
export type Configured = z.infer<typeof configuredForm>;

const instanceForm = z.object({
  providerId: z.string(),
  identifier: z.string(),
  tags: tagsForm,
  maintenanceWindow: maintenanceWindowForm,
  backupWindow: backupWindowForm,
  /** What waits for the maintenance window, and since when (RFC 3339). */
  pendingBackupWindow: z.object({ window: backupWindowForm, since: z.string() }).nullable(),
  backupRetentionDays: z.number().int().min(0).max(35),
  /** Connections of everybody together; absent of instances that were made before it could be chosen. */
  maxConnections: maxConnectionsForm.optional(),
  /** When its standby takes over without anybody asking; null: never. */
  autoFailover: autoFailoverForm.nullable().default(null),
  members: z.array(memberForm).min(1).max(2),
  /** The one member that may ever be started to be written to, or promoted. This line decides, and nothing else. */
  primary: memberForm.shape.name,
  /** `stopped` stays stopped when Postern starts. */
  wanted: z.enum(["running", "stopped"]),
  /** Absent of an instance that configuration has nothing to do with. */
  configured: configuredForm.optional(),
  /** What a change of configuration has changed here, until that is on record. */
  toReport: z.record(z.string(), z.object({ from: z.unknown(), to: z.unknown() })).optional(),
});

export type LocalMember = z.infer<typeof memberForm>;
export type LocalInstance = z.infer<typeof instanceForm>;

const DESCRIPTION = "instance.json";
/** What the description last said, for when it cannot be read: shown, and never acted upon. */
const COPY = "instance.json.copy";
/** Beside it or in its place: it is being made or removed. Holds what is planned, where it is wanted until it is there. */
const MARK = "unfinished";

const removeTree = (path: string) => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });

export type Instances = ReturnType<typeof openInstances>;

/** @param folder private to `user` */
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

  /** Whether its folder is what a killed creation left. One that lost its description otherwise is none: it holds data. */
  const isUnfinished = (names: readonly string[]) =>
    !names.includes(DESCRIPTION) && (names.includes(MARK) || !names.includes("members"));

  /** Null where there is none. @throws Error when its file cannot be read, or is lost */
  async function find(providerId: string): Promise<LocalInstance | null> {
    if (!isId(providerId)) return null;
    const found = await read(fileOf(providerId));
    if (found || isUnfinished(await namesIn(providerId))) return found;
    // It may have been completed between the two looks.
    const completed = await read(fileOf(providerId));
    if (!completed) throw new Error(`${DESCRIPTION} is gone from a folder that holds data`);
    return completed;
  }

  /** What was last known of an instance whose file cannot be read; null where nothing is. */
  const findCopy = (providerId: string) => read(copyOf(providerId)).catch(() => null);

  async function write(instance: LocalInstance): Promise<void> {
    await requireOwned();
    // First: what it says too early of an identifier or a port keeps nobody from anything but that.
    await writeDurably(copyOf(instance.providerId), instance);
    await writeDurably(fileOf(instance.providerId), instance);
  }

  /** The ids of all folders, also of those that hold no instance (yet). */
  const ids = async () => (await readdir(folder)).filter((name) => name.startsWith("db-")).sort();

  /** What is to be made and is not complete; null where nothing is. */
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

    /** Readable instances; others are left out. */
    async list(): Promise<LocalInstance[]> {
      const found = await Promise.all((await ids()).map((id) => find(id).catch(() => null)));
      return found.filter((instance) => instance !== null);
    },

    /**
     * All that have an identifier and ports, also where only what was last known of them can be read.
     * @throws OperationFailure where not even that can: whatever is made anew might be what lies there
     */
    async described(): Promise<LocalInstance[]> {
      const known = async (id: string) => {
        const copy = await findCopy(id);
        if (copy) return copy;
        const message = `Nothing new is made as long as nobody knows which instance lies in ${folderOf(id)}: make ${DESCRIPTION} there readable again.`;
        throw new OperationFailure("InvalidDBInstanceState", message);
      };
      const found = await Promise.all((await ids()).map((id) => find(id).catch(() => known(id))));
      return found.filter((instance) => instance !== null);
    },

    async plans(): Promise<LocalInstance[]> {
      const found = await Promise.all((await ids()).map((id) => findPlan(id).catch(() => null)));
      return found.filter((plan) => plan !== null);
    },

    /** From here on it is known that the instance is wanted. */
    async writePlan(plan: LocalInstance): Promise<void> {
      await requireOwned();
      await makePrivate(folderOf(plan.providerId), user);
      await writeDurably(markOf(plan.providerId), instanceForm.parse(plan));
    },

    /** Removes all but the plan. */
    async clear(providerId: string): Promise<void> {
      for (const path of ["journal", "members"]) await removeTree(join(folderOf(providerId), path));
    },

    /** Makes the folders that a new instance needs, marked as unfinished. */
    async prepare(providerId: string): Promise<void> {
      await requireOwned();
      await makePrivate(folderOf(providerId), user);
      if (!(await findPlan(providerId))) await writeDurably(markOf(providerId), {});
      for (const path of ["journal", "members"]) await makePrivate(join(folderOf(providerId), path), user);
    },

    /** From here on, the instance exists. */
    async insert(instance: LocalInstance): Promise<void> {
      await write(instanceForm.parse(instance));
      await rm(markOf(instance.providerId));
    },

    isUnfinished: async (providerId: string): Promise<boolean> => isUnfinished(await namesIn(providerId)),

    /** After a kill: what is described exists, whatever a mark beside it says. Later, without its description, that would have it removed. */
    async settle(providerId: string): Promise<void> {
      if ((await namesIn(providerId)).includes(MARK)) {
        await rm(markOf(providerId));
        await syncFolder(folderOf(providerId));
      }
      const [found, copy] = [await find(providerId), await findCopy(providerId)];
      if (found && !isDeepStrictEqual(found, copy)) await writeDurably(copyOf(providerId), found);
    },

    /** Changes one instance; changes to the same one wait for each other. @returns it as it is then, null where it is gone */
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

    /** Removes all of it; cut short, it is unfinished, and never listed half removed. */
    async remove(providerId: string): Promise<void> {
      await requireOwned();
      await writeDurably(markOf(providerId), {});
      await rm(fileOf(providerId), { force: true });
      // Before the mark: what is left of data without one is taken for an instance that lost its description.
      await removeTree(join(folderOf(providerId), "members"));
      await removeTree(folderOf(providerId));
    },
  };
}

/** The member that is the primary. */
export function primaryOf({ members, primary }: LocalInstance): LocalMember {
  return members.find(({ name }) => name === primary)!;
}

export const standbysOf = ({ members, primary }: LocalInstance): LocalMember[] =>
  members.filter(({ name }) => name !== primary);
