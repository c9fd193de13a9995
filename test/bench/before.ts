/** The commit before, built in a worktree of its own, so that both run beside each other. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "./servers.js";

function run(command: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: ROOT, encoding: "utf8" });
  if (status !== 0) throw new Error(`${[command, ...args].join(" ")} failed: ${stderr}${stdout}`);
  return stdout.trim();
}

/** What is not committed is compared with the last commit, the last commit with the one before it. */
function defaultRevision(): string {
  return run("git", "status", "--porcelain", "--", "src", "package-lock.json") ? "HEAD" : "HEAD~1";
}

export interface Before {
  readonly root: string;
  /** The commit and its subject. */
  readonly commit: string;
}

/** @param stopLater is told how to remove the worktree */
export function buildBefore(given: string | undefined, stopLater: (stop: () => Promise<void>) => void): Before {
  const revision = run("git", "rev-parse", "--verify", `${given ?? defaultRevision()}^{commit}`);
  const root = mkdtempSync(join(tmpdir(), "postern-before-"));
  stopLater(async () => {
    // What a run that was killed has left goes too.
    rmSync(root, { recursive: true, force: true });
    run("git", "worktree", "prune");
  });
  run("git", "worktree", "add", "--detach", root, revision);
  const lock = (folder: string) => readFileSync(join(folder, "package-lock.json"), "utf8");
  if (lock(root) !== lock(ROOT))
    console.error("before: runs with the packages of this commit, which differ from its own");
  // It works on tables with later migrations, as replicas do during an update, but would refuse to start where it does not know them.
  cpSync(join(ROOT, "drizzle"), join(root, "drizzle"), { recursive: true });
  const packages = join(ROOT, "node_modules");
  symlinkSync(packages, join(root, "node_modules"));
  run(join(packages, ".bin/tsc"), "-p", join(root, "tsconfig.json"));
  return { root, commit: run("git", "log", "-1", "--format=%h %s", revision) };
}
