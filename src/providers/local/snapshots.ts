/** Takes, lists, copies and removes local snapshots: base backups in folders of their own, each whole or not there at all. */
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { syncFileSystem, syncFolder } from "../../durability.js";
import { baseBackup } from "../../postgres/base-backup.js";
import { copyTree, listFileTree } from "../../postgres/copy-files.js";
import { SNAPSHOT_IDENTIFIER } from "../../values/identifiers.js";
import { OperationFailureError } from "../errors.js";
import type { ProviderSnapshotName, ScopeSnapshot, SnapshotDescription, Tag } from "../provider.js";
import { readDurable, writeDurableJson } from "./durable-json.js";
import { tagsForm } from "./forms.js";
import { type Host, hostCopyOptions } from "./host.js";
import { type LocalInstance, primaryOf } from "./instance-file.js";
import { clusterOf } from "./members.js";
import type { TaskStep } from "./task.js";

const snapshotForm = z.object({
  identifier: z.string(),
  /** The instance that it is a snapshot of. */
  providerId: z.string(),
  /** The operation that took it. */
  operationId: z.string(),
  sizeBytes: z.number(),
  createdAt: z.string(),
  tags: tagsForm,
  automated: z.boolean(),
});
type SnapshotFile = z.infer<typeof snapshotForm>;

type SnapshotRequest = {
  readonly operationId: string;
  readonly identifier: string;
  readonly tags: readonly Tag[];
  readonly automated: boolean;
};

// No identifier begins with a dot, so no snapshot has such a name.
const PARTIAL = ".partial-";
const REMOVED = ".removed-";

export type Snapshots = ReturnType<typeof openSnapshots>;

/** @param folder a folder that is private to the host's user */
export function openSnapshots(folder: string, host: Host) {
  /** The path is also the snapshot's ARN. It is in lower case because identifiers are compared without case. */
  const folderOf = (identifier: string) => join(folder, identifier.toLowerCase());
  /** The snapshots that are being taken, by folder, and whether each is manual. */
  const underWay = new Map<string, boolean>();
  /** How many restores read a snapshot now, by folder. */
  const inUse = new Map<string, number>();

  const describe = ({ operationId: uid, providerId: _, ...file }: SnapshotFile): SnapshotDescription => {
    return { ...file, uid, arn: folderOf(file.identifier), status: "available" };
  };

  async function readAll(): Promise<SnapshotFile[]> {
    const names = (await readdir(folder)).filter((name) => !name.startsWith("."));
    const files = await Promise.all(
      names.map((name) => readDurable(join(folder, name, "snapshot.json"), snapshotForm).catch(() => undefined)),
    );
    return files.filter((file) => file !== undefined);
  }

  async function find(
    providerId: string,
    { snapshotId, snapshotUid }: ProviderSnapshotName,
  ): Promise<SnapshotFile | undefined> {
    const file = (await readAll()).find((file) => folderOf(file.identifier) === folderOf(snapshotId));
    const isMeant = file?.providerId === providerId && (snapshotUid ?? file.operationId) === file.operationId;
    return isMeant ? file : undefined;
  }

  async function requireAllowed({ identifier, automated }: SnapshotRequest): Promise<void> {
    // The name of a snapshot that cannot be read is taken too.
    if ((await readdir(folder)).includes(identifier.toLowerCase())) throw alreadyExists(identifier);
    if (automated) return;
    const existing = await readAll();
    const manual = existing.filter((file) => !file.automated).length;
    const others = [...underWay.values()].filter(Boolean).length - 1;
    if (manual + others < host.limits.manualSnapshots) return;
    throw new OperationFailureError(
      "SnapshotQuotaExceeded",
      `There are ${manual} manual snapshots, and ${host.limits.manualSnapshots} are allowed. Delete some that are not needed any more.`,
    );
  }

  /** Lists all snapshots, the newest first. */
  async function listAll(): Promise<ScopeSnapshot[]> {
    const all = (await readAll()).map((file) => ({ providerId: file.providerId, snapshot: describe(file) }));
    return all.sort(({ snapshot: first }, { snapshot: second }) => second.createdAt.localeCompare(first.createdAt));
  }

  return {
    listAll,

    /** Lists the snapshots of one instance, the newest first. */
    list: async (providerId: string): Promise<SnapshotDescription[]> =>
      (await listAll()).filter((one) => one.providerId === providerId).map(({ snapshot }) => snapshot),

    /** @returns the snapshot that an operation made, null where it made none */
    async findByOperation(operationId: string): Promise<SnapshotDescription | null> {
      const file = (await readAll()).find((candidate) => candidate.operationId === operationId);
      return file ? describe(file) : null;
    },

    find,

    /** Removes a snapshot of this instance. @returns false where it does not exist @throws OperationFailureError while it is being restored */
    async remove(providerId: string, snapshot: ProviderSnapshotName): Promise<boolean> {
      const file = await find(providerId, snapshot);
      if (!file) return false;
      const { identifier } = file;
      if (inUse.has(folderOf(identifier))) {
        throw new OperationFailureError("InvalidDBSnapshotState", `The snapshot ${identifier} is being restored.`);
      }
      const removedPath = join(folder, `${REMOVED}${file.operationId}`);
      await rename(folderOf(identifier), removedPath);
      await syncFolder(folder);
      await rm(removedPath, { recursive: true, force: true });
      return true;
    },

    /** Takes a snapshot. @throws OperationFailureError, CopyStorageFullError, NotCopyableError, ConnectionUnreachableError, and the signal's reason */
    async take(
      instance: LocalInstance,
      request: SnapshotRequest,
      signal: AbortSignal,
      onProgress: (percent: number) => void,
    ): Promise<SnapshotDescription> {
      const { identifier, operationId, automated } = request;
      const path = folderOf(identifier);
      if (!SNAPSHOT_IDENTIFIER.test(identifier))
        throw new OperationFailureError("InvalidParameterValue", IDENTIFIER_FORM);
      const tags = tagsForm.safeParse(request.tags);
      if (!tags.success) throw new OperationFailureError("InvalidParameterValue", TAGS_FORM);
      if (underWay.has(path)) throw alreadyExists(identifier);
      underWay.set(path, !automated);
      // The folder is not named after the identifier, which may already be as long as a file's name can be.
      const partial = join(folder, `${PARTIAL}${operationId}`);
      try {
        await requireAllowed(request);
        await rm(partial, { recursive: true, force: true });
        await mkdir(partial, { mode: 0o700 });
        const createdAt = host.clock.now().toISOString();
        const sizeBytes = await baseBackup(clusterOf(host, instance, primaryOf(instance)), join(partial, "data"), {
          ...hostCopyOptions(host, signal),
          onProgress: (done, total) => onProgress(Math.min(99, Math.floor((100 * done) / Math.max(1, total)))),
        });
        const file = {
          identifier,
          providerId: instance.providerId,
          operationId,
          sizeBytes,
          createdAt,
          tags: tags.data,
          automated,
        };
        await writeDurableJson(join(partial, "snapshot.json"), snapshotForm.parse(file));
        if (host.isSynced) await syncFileSystem(partial);
        signal.throwIfAborted();
        await rename(partial, path);
        await syncFolder(folder);
        host.log.info({ operationId, instance: instance.identifier, snapshot: identifier }, "Took a snapshot");
        return describe(file);
      } finally {
        underWay.delete(path);
        await rm(partial, { recursive: true, force: true });
      }
    },

    /** Removes the incomplete snapshots of a killed process. */
    async sweep(): Promise<void> {
      for (const name of await readdir(folder)) {
        if (!name.startsWith(PARTIAL) && !name.startsWith(REMOVED)) continue;
        await rm(join(folder, name), { recursive: true, force: true });
      }
    },

    /**
     * Copies the data of a snapshot into the data directory `to`, which must not exist. The caller removes what a failed copy leaves.
     * @throws OperationFailureError, CopyStorageFullError, and the signal's reason
     */
    async copy(
      providerId: string,
      snapshot: ProviderSnapshotName,
      to: string,
      { signal, progress }: Pick<TaskStep, "signal" | "progress">,
    ): Promise<void> {
      const { snapshotId: identifier } = snapshot;
      const path = folderOf(identifier);
      // The snapshot is in use before it is looked up, so that it is not removed between the two.
      inUse.set(path, (inUse.get(path) ?? 0) + 1);
      try {
        const file = await find(providerId, snapshot);
        if (!file) throw new OperationFailureError("DBSnapshotNotFound", `The instance has no snapshot ${identifier}.`);
        const data = join(path, "data");
        const bytes = await copyTree(data, await listFileTree(data, () => true), to, {
          ...hostCopyOptions(host, signal),
          onProgress: (done, total) => progress(Math.min(99, Math.floor((100 * done) / Math.max(1, total)))),
        });
        // A copy leaves out files that vanish without an error, so its size is checked.
        if (bytes >= file.sizeBytes && (await find(providerId, snapshot))?.operationId === file.operationId) return;
        throw new OperationFailureError("InvalidDBSnapshotState", `Parts of the snapshot ${identifier} are missing.`);
      } finally {
        const others = (inUse.get(path) ?? 1) - 1;
        if (others > 0) inUse.set(path, others);
        else inUse.delete(path);
      }
    },
  };
}

const IDENTIFIER_FORM =
  "A snapshot identifier has 1 to 255 letters, digits and hyphens, begins with a letter, and has no hyphen at its end " +
  "and no two in a row.";

const TAGS_FORM = "There may be 50 tags, with keys of 1 to 128 and values of up to 256 characters.";

const alreadyExists = (identifier: string) =>
  new OperationFailureError(
    "DBSnapshotAlreadyExists",
    `There is a snapshot ${identifier} already (upper and lower case count as equal). Choose another identifier.`,
  );
