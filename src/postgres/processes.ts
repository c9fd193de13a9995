/** Finds the PostgreSQL processes of a data directory, whoever started them: the kernel knows the working directory of each process. */
import { execFile } from "node:child_process";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type OsUser, runAsOsUser } from "./os-user.js";
import { readOwnedFileStart, unlessOutOfResources } from "./owned-file.js";

export type Process = { readonly pid: number; readonly parent: number };

type PostgresProcess = Process & {
  /** The command line: the arguments, with a space after each. */
  readonly line: string;
};

/** The program name of every process of PostgreSQL. */
const PROGRAM = /^(postgres|postmaster)$/;
/** The command line of every child process of a server begins like this. */
const TITLE = "postgres: ";

/** The first arguments of every postmaster that Postern starts in this data directory. */
export const postgresProcessArgs = (dataDir: string): string[] => ["-D", dataDir];

const isStartedHere = (line: string, dataDir: string): boolean =>
  !line.startsWith(TITLE) && line.includes(`postgres ${postgresProcessArgs(dataDir).join(" ")} `);

/**
 * Inspects some processes. It prints three kinds of lines, here for the data directory /data and the shared memory segment 7:
 *   101                         the process 101 works in the data directory
 *   l... 102/cwd -> /old        the process 102 works in /old; `/data (deleted)` means that its data directory was replaced
 *   103/maps                    the process 103 has the segment attached: its maps have a line with inode 7 and a path /SYSV...
 */
const INSPECT_SCRIPT = `
dir=$1 shm=$2
shift 2
cd /proc || exit 0
for pid; do [ "$pid/cwd" -ef "$dir" ] && echo "$pid"; done
ls -ld $(printf '%s/cwd ' "$@") 2>/dev/null
[ -z "$shm" ] || grep -El " $shm +/SYSV" $(printf '%s/maps ' "$@") 2>/dev/null
exit 0`;

/**
 * Whether this process is a PostgreSQL server of this data directory; one in single-user mode counts too. A child of a server does
 * not count, and neither does a zombie, which nobody may ever reap.
 */
export async function isServerProcess(pid: number, dataDir: string): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  const found = await readProcess(pid);
  if (!found || found.line.startsWith(TITLE)) return false;
  if (isStartedHere(found.line, dataDir)) return true;
  const owner = process.platform === "linux" ? await stat(`/proc/${pid}`).catch(() => null) : null;
  const [uid, gid] = [process.getuid!(), process.getgid!()];
  // Unless Postern is root, a process of another user is none of its servers.
  if (owner && uid !== 0 && owner.uid !== uid) return false;
  const user = owner ?? { uid, gid };
  return (await inspect(dataDir, [pid], user)).working.has(pid);
}

/**
 * Lists the servers of a data directory, their children, and the children that outlived a server.
 * @param user the user that runs them
 * @param name the parameter `cluster_name`, unique on this machine: it stands in the command line of each child, even if the folder was moved
 */
export async function listProcesses(dataDir: string, user: OsUser, name?: unknown): Promise<Process[]> {
  const all = await listAll();
  const pids = all.map(({ pid }) => pid);
  const { working, attached } = await inspect(dataDir, pids, user);
  // Shared memory alone proves nothing while the parent lives: the lock file may have been copied with its folder from another server.
  const isOrphan = ({ pid, parent }: Process) => attached.has(pid) && !pids.includes(parent);
  return all.filter((found) => {
    const { pid, line } = found;
    const isTitled = line.startsWith(TITLE);
    if (working.has(pid) || isStartedHere(line, dataDir)) return true;
    return isTitled && (isOrphan(found) || (name !== undefined && line.startsWith(`${TITLE}${name}: `)));
  });
}

const MAX_LOCK_BYTES = 16_384;

/** @returns the text of postmaster.pid, empty where there is none */
export const readServerProcessFile = async (dataDir: string): Promise<string> =>
  (
    await readOwnedFileStart(join(dataDir, "postmaster.pid"), MAX_LOCK_BYTES).catch(
      unlessOutOfResources(Buffer.alloc(0)),
    )
  ).toString();

type Inspection = {
  /** The processes that work in the data directory, or in one that was removed from its place. */
  readonly working: ReadonlySet<number>;
  /** The processes that have the shared memory attached that postmaster.pid names. */
  readonly attached: ReadonlySet<number>;
};

/** Inspects processes as the user that runs them: nobody else may, not even root in a container. */
async function inspect(
  dataDir: string,
  pids: readonly number[],
  user: Pick<OsUser, "uid" | "gid">,
): Promise<Inspection> {
  const [working, attached] = [new Set<number>(), new Set<number>()];
  if (pids.length === 0) return { working, attached };
  if (process.platform !== "linux") {
    const args = ["-a", "-d", "cwd", "-p", pids.join(","), "-Fpn"];
    // lsof fails when one of the processes has ended, but prints the others.
    const output = await promisify(execFile)("lsof", args).catch((error: { stdout?: string }) => error);
    for (const [, pid, cwd] of (output.stdout ?? "").matchAll(/^p(\d+)\n(?:f.*\n)?n(.*)$/gm))
      if (cwd === dataDir) working.add(Number(pid));
    return { working, attached };
  }
  const lock = await readServerProcessFile(dataDir);
  // Line 7 holds the key and the id of the shared memory.
  const [, segment = ""] = /^\s*\d+\s+(\d+)\s*$/.exec(lock.split("\n")[6] ?? "") ?? [];
  const output = await runAsOsUser(user, "/bin/sh", [
    "-c",
    INSPECT_SCRIPT,
    "sh",
    dataDir,
    segment,
    ...pids.map(String),
  ]);
  for (const line of output.split("\n")) {
    const [, pid, what] = /^(?:l\S+ .* )?(\d+)(\/cwd -> .*|\/maps|)$/.exec(line) ?? [];
    if (what === "/maps") attached.add(Number(pid));
    else if (what === "" || what === `/cwd -> ${dataDir} (deleted)`) working.add(Number(pid));
  }
  return { working, attached };
}

/** Lists all processes of PostgreSQL on this machine. */
async function listAll(): Promise<PostgresProcess[]> {
  if (process.platform !== "linux") return (await listByProgram()).flat();
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  return (await Promise.all(pids.map((pid) => readProcess(Number(pid))))).filter((found) => found !== null);
}

/** @returns null where there is no such process, or it is no PostgreSQL */
async function readProcess(pid: number): Promise<PostgresProcess | null> {
  if (process.platform !== "linux") return (await listByProgram(pid))[0] ?? null;
  const read = (name: string) => readFile(`/proc/${pid}/${name}`, "utf8").catch(unlessOutOfResources(""));
  if (!PROGRAM.test((await read("comm")).trim())) return null;
  const [line, status] = [(await read("cmdline")).replaceAll("\0", " "), await read("status")];
  return line === "" ? null : { pid, parent: Number(/^PPid:\s*(\d+)/m.exec(status)?.[1] ?? 0), line };
}

async function listByProgram(pid?: number): Promise<PostgresProcess[]> {
  const selection = pid === undefined ? ["-ax"] : ["-p", String(pid)];
  const args = [...selection, "-ww", "-o", "pid=,ppid=,command="];
  const { stdout } = await promisify(execFile)("ps", args).catch(() => ({ stdout: "" }));
  return stdout.split("\n").flatMap((text) => {
    const [, pid, parent, line] = /^\s*(\d+)\s+(\d+) (.*)$/.exec(text) ?? [];
    const isPostgres = line !== undefined && (line.startsWith(TITLE) || /(^|\/)(postgres|postmaster)( |$)/.test(line));
    return isPostgres ? [{ pid: Number(pid), parent: Number(parent), line: `${line} ` }] : [];
  });
}

/**
 * Sends a signal to a process that may end at any time, also between a check and this call.
 * @returns whether the process was there
 */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
