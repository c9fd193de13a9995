/** The folder where records wait while the database takes none: files of lines, each durable once it is appended, and bounded in all. */
import { hash, randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { access, type FileHandle, lstat, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncFolder } from "../durability.js";

/** So much is taken up at once. */
const FILE_BYTES = 1_048_576;
/** What is written to. */
const OPEN = ".jsonl";
/** What is being taken up: nothing is written to it any more. */
const TAKEN = ".taken";
/** What holds lines that cannot be read; it is left for people to look at. */
const DAMAGED = ".damaged";

export interface RecordsFolderOptions {
  /** Made where it is missing; nobody else may look into it. */
  readonly path: string;
  /** Begins the names of the files: those of another one are left alone. */
  readonly owner: string;
  /** Of all files in the folder. */
  readonly maxBytes: number;
}

export type RecordsFolder = ReturnType<typeof createRecordsFolder>;

const digestOf = (line: string) => hash("sha256", line).slice(0, 16);
/** A line that a crash has torn does not fit its digest. */
const sealed = (line: string) => `${digestOf(line)} ${line}\n`;

/** @returns the lines that are whole, and how many others are there; the last one may be torn, nobody was told of it */
function opened(text: string): { lines: string[]; damaged: number } {
  const given = text.split("\n");
  const whole = given.slice(0, -1);
  const lines = whole.filter((line) => line[16] === " " && digestOf(line.slice(17)) === line.slice(0, 16));
  return { lines: lines.map((line) => line.slice(17)), damaged: whole.length - lines.length };
}

/**
 * Any process takes up any file of its owner: it renames the file, reads it, and removes it once the database has it. Whoever writes looks
 * after each write whether its file is still there, and writes again elsewhere if not. So no line is lost, and one may come twice.
 */
export function createRecordsFolder({ path, owner, maxBytes }: RecordsFolderOptions) {
  let file: { readonly handle: FileHandle; readonly name: string } | undefined;
  /** How many records this process has put into which file. */
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

  /** @returns whether it is still the file of this name that was written to */
  async function isStillThere({ name, handle }: NonNullable<typeof file>): Promise<boolean> {
    const [here, ours] = await Promise.all([stat(join(path, name)).catch(() => null), handle.stat()]);
    return here?.ino === ours.ino;
  }

  /** Makes the folder. @throws where nothing can be written there */
  async function openFolder(): Promise<void> {
    await mkdir(dirname(path), { recursive: true });
    await mkdir(path, { recursive: true, mode: 0o700 });
    // What the database's user may have put there, where Postern runs as root, is not followed.
    const found = await lstat(path);
    if (!found.isDirectory()) throw new Error(`${path} is no folder.`);
    if (found.uid !== process.getuid?.()) throw new Error(`${path} belongs to the user id ${found.uid}.`);
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  }

  return {
    open: openFolder,

    /** Appends lines without line breaks; one call at a time. @throws where that is not durable: then none is kept */
    async append(lines: readonly string[]): Promise<void> {
      if (!file) await openFolder();
      const bytes = Buffer.from(lines.map(sealed).join(""));
      if ((await usedBytes()) + bytes.length > maxBytes) throw new Error(`the folder of records is full: ${path}`);
      for (;;) {
        const current = file ?? (await begin());
        const { size } = await current.handle.stat();
        try {
          await current.handle.writeFile(bytes);
          await current.handle.datasync();
        } catch (error) {
          // Half of it must not be in front of what comes later.
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

    /** Names of the files to be taken up. */
    async list(): Promise<string[]> {
      const found = await names().catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return [];
        throw error;
      });
      const waiting = found.filter((name) => name.endsWith(OPEN) || name.endsWith(TAKEN));
      const stems = new Set(waiting.map(stemOf));
      for (const stem of written.keys()) if (!stems.has(stem)) written.delete(stem);
      return waiting;
    },

    /**
     * Takes up a file: nothing is written to it any more.
     * @returns its lines, and how to end it once they are kept elsewhere; null where another process was quicker
     */
    async take(name: string) {
      const stem = stemOf(name);
      const taken = join(path, `${stem}${TAKEN}`);
      try {
        if (name.endsWith(OPEN)) await rename(join(path, name), taken);
        const { lines, damaged } = opened(await readFile(taken, "utf8"));
        const end = async () => {
          if (damaged > 0) await rename(taken, join(path, `${stem}${DAMAGED}`));
          else await rm(taken, { force: true });
          await syncFolder(path);
          written.delete(stem);
        };
        return { lines, damaged, end };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
        throw error;
      }
    },

    /** Of this process. */
    get waiting(): number {
      return [...written.values()].reduce((sum, count) => sum + count, 0);
    },

    close: finish,
  };
}
