/** What runs of PostgreSQL in a data directory, whoever started it and by whatever command line: the kernel knows where each process works. */
import { execFile } from "node:child_process";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type OsUser, runAs } from "./os-user.js";
import { readStart, unlessShort } from "./owned-file.js";

export type Process = { readonly pid: number; readonly parent: number };

type Listed = Process & {
  /** Arguments separated by spaces, with one at the end. */
  readonly line: string;
};

/** Of servers that were started in whatever way. */
const PROGRAM = /^(postgres|postmaster)$/;
/** How the command line of each process begins that a server has started. */
const TITLE = "postgres: ";

/** How the command line of a postmaster of this data directory begins, after the program's own path, where we start it. */
export const postmasterArgs = (dataDir: string): string[] => ["-D", dataDir];

const isOurs = (line: string, dataDir: string): boolean =>
  !line.startsWith(TITLE) && line.includes(`postgres ${postmasterArgs(dataDir).join(" ")} `);

/**
 * Prints those of some processes that work in the data directory, where each works, and which have the shared memory attached: a path
 * in /proc/<pid>/maps ends there, where its inode is the id of the segment.
 */
const LOOK = `
dir=$1 shm=$2
shift 2
cd /proc || exit 0
for pid; do [ "$pid/cwd" -ef "$dir" ] && echo "$pid"; done
ls -ld $(printf '%s/cwd ' "$@") 2>/dev/null
[ -z "$shm" ] || grep -El " $shm +/SYSV" $(printf '%s/maps ' "$@") 2>/dev/null
exit 0`;

/**
 * Whether this very process is a PostgreSQL server of this data directory, be it one for a single user. What a server has started is
 * none, nor is a zombie: nobody may reap it.
 */
export async function isPostmaster(pid: number, dataDir: string): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  const found = await lookAt(pid);
  if (!found || found.line.startsWith(TITLE)) return false;
  if (isOurs(found.line, dataDir)) return true;
  const owner = process.platform === "linux" ? await stat(`/proc/${pid}`).catch(() => null) : null;
  const [uid, gid] = [process.getuid!(), process.getgid!()];
  // Who is not root has servers of no other user.
  if (owner && uid !== 0 && owner.uid !== uid) return false;
  const user = owner ?? { uid, gid };
  return (await lookInto(dataDir, [pid], user)).working.has(pid);
}

/**
 * Servers and all that they have started and left.
 * @param user who runs them @param name the parameter `cluster_name`, unique on this machine: what each of our processes shows, wherever its folder is
 */
export async function listProcesses(dataDir: string, user: OsUser, name?: unknown): Promise<Process[]> {
  const all = await listAll();
  const pids = all.map(({ pid }) => pid);
  const { working, attached } = await lookInto(dataDir, pids, user);
  // A lock file that was copied with its folder names the memory of a server that lives elsewhere.
  const isLeft = ({ pid, parent }: Process) => attached.has(pid) && !pids.includes(parent);
  return all.filter((found) => {
    const { pid, line } = found;
    const isTitled = line.startsWith(TITLE);
    if (working.has(pid) || isOurs(line, dataDir)) return true;
    return isTitled && (isLeft(found) || (name !== undefined && line.startsWith(`${TITLE}${name}: `)));
  });
}

/** Some lines, of which two are paths. */
const MAX_LOCK_BYTES = 16_384;

/** What postmaster.pid says; empty where there is none. */
export const readLockOf = async (dataDir: string): Promise<string> =>
  (await readStart(join(dataDir, "postmaster.pid"), MAX_LOCK_BYTES).catch(unlessShort(Buffer.alloc(0)))).toString();

type Look = {
  /** Work in the data directory, or worked in one that is gone. */
  readonly working: ReadonlySet<number>;
  /** Have the shared memory attached which postmaster.pid names. */
  readonly attached: ReadonlySet<number>;
};

/** Looks as the user who runs them: nobody else may, not even root in a container. */
async function lookInto(dataDir: string, pids: readonly number[], user: Pick<OsUser, "uid" | "gid">): Promise<Look> {
  const [working, attached] = [new Set<number>(), new Set<number>()];
  if (pids.length === 0) return { working, attached };
  if (process.platform !== "linux") {
    const args = ["-a", "-d", "cwd", "-p", pids.join(","), "-Fpn"];
    // It fails where one of them is gone, having said the others.
    const said = await promisify(execFile)("lsof", args).catch((error: { stdout?: string }) => error);
    for (const [, pid, cwd] of (said.stdout ?? "").matchAll(/^p(\d+)\n(?:f.*\n)?n(.*)$/gm))
      if (cwd === dataDir) working.add(Number(pid));
    return { working, attached };
  }
  const lock = await readLockOf(dataDir);
  // The key and the id of its shared memory.
  const [, segment = ""] = /^\s*\d+\s+(\d+)\s*$/.exec(lock.split("\n")[6] ?? "") ?? [];
  const said = await runAs(user, "/bin/sh", ["-c", LOOK, "sh", dataDir, segment, ...pids.map(String)]);
  for (const line of said.split("\n")) {
    const [, pid, what] = /^(?:l\S+ .* )?(\d+)(\/cwd -> .*|\/maps|)$/.exec(line) ?? [];
    if (what === "/maps") attached.add(Number(pid));
    else if (what === "" || what === `/cwd -> ${dataDir} (deleted)`) working.add(Number(pid));
  }
  return { working, attached };
}

/** All processes of PostgreSQL on this machine. */
async function listAll(): Promise<Listed[]> {
  if (process.platform !== "linux") return (await listByProgram()).flat();
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  return (await Promise.all(pids.map((pid) => lookAt(Number(pid))))).filter((found) => found !== null);
}

/** Null where there is none, or it is no PostgreSQL. */
async function lookAt(pid: number): Promise<Listed | null> {
  if (process.platform !== "linux") return (await listByProgram(pid))[0] ?? null;
  const read = (name: string) => readFile(`/proc/${pid}/${name}`, "utf8").catch(unlessShort(""));
  if (!PROGRAM.test((await read("comm")).trim())) return null;
  const [line, status] = [(await read("cmdline")).replaceAll("\0", " "), await read("status")];
  return line === "" ? null : { pid, parent: Number(/^PPid:\s*(\d+)/m.exec(status)?.[1] ?? 0), line };
}

async function listByProgram(pid?: number): Promise<Listed[]> {
  const which = pid === undefined ? ["-ax"] : ["-p", String(pid)];
  const args = [...which, "-ww", "-o", "pid=,ppid=,command="];
  const { stdout } = await promisify(execFile)("ps", args).catch(() => ({ stdout: "" }));
  return stdout.split("\n").flatMap((text) => {
    const [, pid, parent, line] = /^\s*(\d+)\s+(\d+) (.*)$/.exec(text) ?? [];
    const isPostgres = line !== undefined && (line.startsWith(TITLE) || /(^|\/)(postgres|postmaster)( |$)/.test(line));
    return isPostgres ? [{ pid: Number(pid), parent: Number(parent), line: `${line} ` }] : [];
  });
}
