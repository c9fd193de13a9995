/** Hands the WAL of a primary that is down over to its standby, so that nothing that it had acknowledged is lost.
 *
 * For example, with segments of 16 MB, the standby has replayed up to 0/5200000 when the primary dies at 0/6100000:
 *   on the standby  000000010000000000000005 (half of it received)
 *   on the primary  ...03, ...04, ...05, ...06, and ...07, which is an old file kept for later use
 * The first page of each segment holds its own position, and that of ...07 still holds an old one: so ...07 is left out.
 * The standby gets ...05, whose copy on the primary holds more, and ...06. It then replays to 0/6100000 by itself.
 */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { endianness } from "node:os";
import { join } from "node:path";
import { syncFileSystem, syncFolder } from "../durability.js";
import { parsePosition, readControlFile } from "./control-file.js";
import { type CopyOptions, copyTree } from "./copy-files.js";
import { readOwnedFileStart, unlessOutOfResources } from "./owned-file.js";

/** The standby lacks WAL that the primary has removed already. */
export class HandOverGapError extends Error {}

const SEGMENT = /^[0-9A-F]{24}$/;
const UNFINISHED = "handed-";
const MAX_HISTORY_BYTES = 1_048_576;

type HandOver = {
  /** The files in the primary's pg_wal. */
  readonly names: readonly string[];
  /** False where some WAL of the primary cannot be read any more. */
  readonly isComplete: boolean;
};

/**
 * Lists the files of the primary's pg_wal that the standby needs, up to the first that cannot be read.
 * @param from the primary's data directory @param to the standby's; both servers may be in any state
 * @throws HandOverGapError
 */
export async function listHandOver(from: string, to: string): Promise<HandOver> {
  const { minRecoveryPoint, redo, segmentBytes } = await readControlFile(to);
  const names = await readdir(join(from, "pg_wal")).catch(unlessOutOfResources([]));
  const numberOf = (name: string) => {
    const perLog = 0x1_0000_0000 / segmentBytes;
    return Number.parseInt(name.slice(8, 16), 16) * perLog + Number.parseInt(name.slice(16), 16);
  };
  const firstNumber = Number((minRecoveryPoint || redo) / BigInt(segmentBytes));
  const classifySegments = async (folder: string, names: readonly string[]) => {
    const segments = names.filter((name) => SEGMENT.test(name));
    const starts = await Promise.all(segments.map((name) => readStartPosition(join(folder, "pg_wal", name))));
    const isReal = (name: string, index: number) => starts[index] === BigInt(numberOf(name)) * BigInt(segmentBytes);
    return { real: segments.filter(isReal), unreadable: segments.filter((_, index) => starts[index] === null) };
  };
  const { real: all, unreadable } = await classifySegments(from, names);
  const endNumber = Math.min(...unreadable.map(numberOf).filter((number) => number >= firstNumber));
  // There are none where the standby is at the very end of the last segment.
  const toCopy = all.filter((name) => numberOf(name) >= firstNumber && numberOf(name) < endNumber);
  const { real: present } = await classifySegments(to, await readdir(join(to, "pg_wal")));
  const numbers = new Set([...toCopy, ...present].map(numberOf));
  for (let number = firstNumber; number <= Math.max(...toCopy.map(numberOf)); number++) {
    if (!numbers.has(number))
      throw new HandOverGapError("The standby lacks WAL that its primary does not have any more.");
  }
  const histories = names.filter((name) => name.endsWith(".history"));
  return { names: [...toCopy, ...histories], isComplete: all.length > 0 && endNumber === Number.POSITIVE_INFINITY };
}

/**
 * Copies these files into the standby's pg_wal while both servers are down. Each file appears whole, and replaces the standby's,
 * which holds no more than the primary's. It may be killed at any point and done again.
 * @throws CopyStorageFullError, Error when a file cannot be read
 */
export async function handOver(from: string, to: string, names: readonly string[], options: CopyOptions) {
  const wal = join(to, "pg_wal");
  for (const name of await readdir(wal)) {
    if (name.startsWith(UNFINISHED)) await rm(join(wal, name), { recursive: true, force: true });
  }
  const unfinished = join(wal, `${UNFINISHED}${randomBytes(6).toString("hex")}`);
  await mkdir(unfinished, { mode: 0o700 });
  try {
    const copy = join(unfinished, "wal");
    await copyTree(join(from, "pg_wal"), { folders: [], files: names, bytes: 0 }, copy, options);
    await syncFileSystem(copy);
    for (const name of names) await rename(join(copy, name), join(wal, name));
    await syncFolder(wal);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** @returns where a cluster left its last timeline when it was promoted: it has the WAL of its old primary up to there */
export async function endOfLastTimeline(dataDir: string): Promise<{ text: string; position: bigint }> {
  const wal = join(dataDir, "pg_wal");
  const newest = (await readdir(wal))
    .filter((name) => /^[0-9A-F]{8}\.history$/.test(name))
    .sort()
    .at(-1);
  const last =
    newest && (await readOwnedFileStart(join(wal, newest), MAX_HISTORY_BYTES)).toString().trim().split("\n").at(-1);
  const text = last?.split("\t")[1];
  if (text === undefined) throw new Error(`There is no history of timelines in ${dataDir}.`);
  return { text, position: parsePosition(text) };
}

/** @returns the position in the first page of a segment, null where it cannot be read. A file kept for later use has an old position. */
async function readStartPosition(path: string): Promise<bigint | null> {
  const start = await readOwnedFileStart(path, 16).catch(unlessOutOfResources(null));
  if (start === null || start.length < 16) return null;
  return endianness() === "LE" ? start.readBigUInt64LE(8) : start.readBigUInt64BE(8);
}
