/** The folder where records wait while the database takes none. Each line is durable once it is appended; the folder's size is limited. */
import { hash, randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { access, type FileHandle, lstat, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncFolder } from "../durability.js";

/** A file that reaches this size is closed, and the next line begins another. */
const FILE_BYTES = 1_048_576;
/** The suffix of a file that lines are appended to. */
const OPEN = ".jsonl";
/** The suffix of a file whose lines go into the database now. */
const TAKEN = ".taken";
/** The suffix of a file with unreadable lines, which stays for people to look at. */
const DAMAGED = ".damaged";

interface RecordsFolderOptions {
  /** The folder is made where it is missing, and only its owner may enter it. */
  readonly path: string;
  /** The prefix of the files' names. Files of another owner are left alone. */
  readonly owner: string;
  /** The limit of all files together. */
  readonly maxBytes: number;
}

export type RecordsFolder = ReturnType<typeof createRecordsFolder>;

const digestOf = (line: string) => hash("sha256", line).slice(0, 16);
/** The digest shows which lines a crash has cut off. */
const seal = (line: string) => `${digestOf(line)} ${line}\n`;

/** @returns the intact lines, and the number of damaged ones. A last line without its line break does not count: its call failed. */
function unseal(text: string): { lines: string[]; damaged: number } {
  const ended = text.split("\n").slice(0, -1);
  const lines = ended.filter((line) => line[16] === " " && digestOf(line.slice(17)) === line.slice(0, 16));
  return { lines: lines.map((line) => line.slice(17)), damaged: ended.length - lines.length };
}

/**
 * Any process may move any file of its owner into the database, without a lock. So no line is lost, and one may be written twice.
 *
 * Example: the database is away, and process A appends a refused call to `<owner>.f81d.jsonl`:
 *     9f86d081884c7d65 auditLogs {"actor":{"type":"user","id":"7"},"action":"scan.create",...,"recordId":"5c1e..."}
 *  1. The database is back. Process B renames the file to `<owner>.f81d.taken`; only one process can succeed with that.
 *  2. A appends another line through its open handle, syncs, and checks the name: it is gone. B may have read the file before this
 *     line, so A writes it once more, to a new file, and only then answers its caller.
 *  3. B inserts all lines whose digest fits. If it did read A's line, that comes twice, and the unique `recordId` keeps it once.
 *  4. B removes the file. If B is killed before, any process finds the `.taken` file and repeats steps 3 and 4.
 */
export function createRecordsFolder({ path, owner, maxBytes }: RecordsFolderOptions) {
  let file: { readonly handle: FileHandle; readonly name: string } | undefined;
  /** The number of records that this process has put into each file, by its name without the suffix. */
  const written = new Map<string, number>();

  const stemOf = (name: string) => name.slice(0, name.lastIndexOf("."));
  const names = async () => (await readdir(path)).filter((name) => name.startsWith(`${owner}.`));

  async function usedBytes(): Promise<number> {
    const sizes = (await readdir(path)).map((name) =>
      stat(join(path, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    );
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  }

  async function begin() {
    const name = `${owner}.${randomUUID()}${OPEN}`;
    const handle = await open(join(path, name), "ax", 0o600);
    file = { handle, name };
    await syncFolder(path);
    return file;
  }

  async function finish(): Promise<void> {
    const { handle } = file ?? {};
    file = undefined;
    await handle?.close();
  }

  /** @returns whether no process has taken the file from under its open handle */
  async function isStillThere({ name, handle }: NonNullable<typeof file>): Promise<boolean> {
    const [here, ours] = await Promise.all([stat(join(path, name)).catch(() => null), handle.stat()]);
    return here?.ino === ours.ino;
  }

  /** Makes the folder. @throws where it cannot be written to */
  async function openFolder(): Promise<void> {
    await mkdir(dirname(path), { recursive: true });
    await mkdir(path, { recursive: true, mode: 0o700 });
    // Where Postern runs as root, the database's user might have put a link here.
    const status = await lstat(path);
    if (!status.isDirectory()) throw new Error(`${path} is no folder.`);
    if (status.uid !== process.getuid?.()) throw new Error(`${path} belongs to the user id ${status.uid}.`);
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  }

  return {
    open: openFolder,

    /** Appends lines, which hold no line breaks; one call at a time. @throws where they are not durable, and then none is kept */
    async append(lines: readonly string[]): Promise<void> {
      // Whoever removed the folder took the file from under its handle, too.
      if (file && !(await isStillThere(file))) await finish();
      if (!file) await openFolder();
      const bytes = Buffer.from(lines.map(seal).join(""));
      if ((await usedBytes()) + bytes.length > maxBytes) throw new Error(`the folder of records is full: ${path}`);
      for (;;) {
        const current = file ?? (await begin());
        const { size } = await current.handle.stat();
        try {
          await current.handle.writeFile(bytes);
          await current.handle.datasync();
        } catch (error) {
          // A line that was cut off must not come before later ones.
          await current.handle.truncate(size).catch(() => undefined);
          await finish();
          throw error;
        }
        const isKept = await isStillThere(current);
        if (!isKept || size + bytes.length > FILE_BYTES) await finish();
        if (!isKept) continue;
        const stem = stemOf(current.name);
        written.set(stem, (written.get(stem) ?? 0) + lines.length);
        return;
      }
    },

    /** @returns the names of the files that wait */
    async list(): Promise<string[]> {
      const files = await names().catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return [];
        throw error;
      });
      const waiting = files.filter((name) => name.endsWith(OPEN) || name.endsWith(TAKEN));
      const stems = new Set(waiting.map(stemOf));
      for (const stem of written.keys()) if (!stems.has(stem)) written.delete(stem);
      return waiting;
    },

    /**
     * Takes a file, so that nothing more is written to it.
     * @returns its lines, and how to remove it once they are in the database; null where another process was quicker
     */
    async take(name: string) {
      const stem = stemOf(name);
      const taken = join(path, `${stem}${TAKEN}`);
      try {
        if (name.endsWith(OPEN)) await rename(join(path, name), taken);
        const { lines, damaged } = unseal(await readFile(taken, "utf8"));
        const remove = async () => {
          if (damaged > 0) await rename(taken, join(path, `${stem}${DAMAGED}`));
          else await rm(taken, { force: true });
          await syncFolder(path);
          written.delete(stem);
        };
        return { lines, damaged, remove };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
        throw error;
      }
    },

    /** The number of records that this process has put here and that still wait. */
    get waiting(): number {
      return [...written.values()].reduce((sum, count) => sum + count, 0);
    },

    close: finish,
  };
}
