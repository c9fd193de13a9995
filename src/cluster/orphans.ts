/** Orphans: backends that outlived their postmaster. They hold its shared memory, and so keep the next server from starting. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type OsUser, runAs } from "./os-user.js";
import { isPostmaster } from "./postmaster.js";

type Process = { readonly pid: number; readonly parent: number };

/**
 * Lists, as the database's user (others may not look, not even root in a container), each process of PostgreSQL whose
 * working directory is the data directory, or that has the shared memory attached which postmaster.pid names. A path in
 * /proc/<pid>/maps ends there, where its inode is the id of the segment.
 */
const LIST = `
dir=$1 shm=$2
for process in /proc/[0-9]*; do
  read -r name 2>/dev/null < "$process/comm" && [ "$name" = postgres ] || continue
  [ "$(readlink "$process/cwd" 2>/dev/null)" = "$dir" ] ||
    { [ -n "$shm" ] && grep -Eq " $shm +/SYSV" "$process/maps" 2>/dev/null; } || continue
  parent=$(sed -n 's/^PPid:[[:space:]]*//p' "$process/status" 2>/dev/null)
  echo "\${process#/proc/} \${parent:-0}"
done`;

/**
 * Kills what a dead postmaster of this data directory has left, busy or frozen. Nothing of a server that lives, of whatever age,
 * is touched, and nothing that is no PostgreSQL.
 * @param name its parameter `cluster_name`: where there is no /proc, the only trace of the cluster that a backend shows
 * @returns how many were killed
 */
export async function fenceOrphans(dataDir: string, user: OsUser, name: unknown): Promise<number> {
  const found = await (process.platform === "linux" ? listHere(dataDir, user) : listByName(name));
  let killed = 0;
  for (const { pid, parent } of found) {
    if ((await isPostmaster(pid, dataDir)) || (await isPostmaster(parent, dataDir))) continue;
    try {
      process.kill(pid, "SIGKILL");
      killed++;
    } catch {
      // Gone meanwhile.
    }
  }
  return killed;
}

async function listHere(dataDir: string, user: OsUser): Promise<Process[]> {
  const lock = await readFile(join(dataDir, "postmaster.pid"), "utf8").catch(() => "");
  // The key and the id of its shared memory.
  const [, segment = ""] = /^\s*\d+\s+(\d+)\s*$/m.exec(lock.split("\n").slice(6, 7).join("")) ?? [];
  const said = await runAs(user, "/bin/sh", ["-c", LIST, "sh", dataDir, segment]);
  return said.split("\n").flatMap((line) => {
    const [pid, parent] = line.split(" ").map(Number);
    return pid ? [{ pid, parent: parent ?? 0 }] : [];
  });
}

async function listByName(name: unknown): Promise<Process[]> {
  if (!name) return [];
  const { stdout } = await promisify(execFile)("ps", ["-axww", "-o", "pid=,ppid=,command="]);
  return stdout.split("\n").flatMap((line) => {
    const [, pid, parent, command] = /^\s*(\d+)\s+(\d+) (.*)$/.exec(line) ?? [];
    return command?.startsWith(`postgres: ${name}: `) ? [{ pid: Number(pid), parent: Number(parent) }] : [];
  });
}
