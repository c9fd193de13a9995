/** The database's disk is full while clients write: they are told, and nothing is lost, doubled or half done. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test, vi } from "vitest";
import { isDeep } from "../support/deep.js";
import { ensureBuilt, PATIENCE_MS } from "../support/postern.js";
import { eventually, useSandbox } from "../support/sandbox.js";
import { underLoad } from "./load.js";

const sandbox = useSandbox();
vi.setConfig({ testTimeout: 5 * PATIENCE_MS, hookTimeout: 60_000 });
beforeAll(ensureBuilt);

/** A new cluster and its first segments of the log take some 60 MiB. */
const SIZE = "160m";
/** Less than a new segment of the write-ahead log takes. */
const LEFT_BYTES = 1_048_576;

/** @returns whether a file system of that size is there now */
function mount(folder: string): boolean {
  mkdirSync(folder, { mode: 0o755 });
  return spawnSync("mount", ["-t", "tmpfs", "-o", `size=${SIZE},mode=755`, "tmpfs", folder]).status === 0;
}

/** Takes all but a little of the file system that the folder is on. */
async function fill(path: string): Promise<void> {
  const file = await open(path, "w");
  const block = Buffer.alloc(LEFT_BYTES);
  try {
    for (let isFull = false; !isFull; ) {
      await file.write(block).catch((error) => {
        if (error.code !== "ENOSPC") throw error;
        isFull = true;
      });
    }
    await file.truncate((await file.stat()).size - LEFT_BYTES);
  } finally {
    await file.close();
  }
}

test.runIf(isDeep)("the disk is full, and has room again", async (context) => {
  const disk = join(sandbox.path, "disk");
  if (!mount(disk)) {
    console.warn(
      "LEFT OUT: a full disk, because no file system can be mounted here. It needs root with CAP_SYS_ADMIN.",
    );
    return context.skip("no file system can be mounted");
  }
  try {
    await underLoad(
      sandbox,
      "full_disk",
      async (under) => {
        const ballast = join(disk, "ballast");
        await fill(ballast);
        // Where the log has no room PostgreSQL ends, and starts again by itself, or not.
        await under.failed(20, "UNAVAILABLE");
        await rm(ballast);
        under.running = await under.cluster.start();
        await eventually(async () => (await fetch(`${under.url}/health/ready`)).ok, PATIENCE_MS);
        const [row] = await under.sql`select pg_is_in_recovery() as standby`;
        expect(row?.standby).toBe(false);
      },
      { place: join(disk, "cluster"), settings: { min_wal_size: "32MB", max_wal_size: "32MB" } },
    );
  } finally {
    execFileSync("umount", ["-l", disk]);
  }
});
