/** What a primary that is down still holds in its pg_wal, given to its standby: so nothing that it had acknowledged is lost. */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { endianness } from "node:os";
import { join } from "node:path";
import { syncFileSystem, syncFolder } from "../durability.js";
import { parsePosition, readControlFile } from "./control-file.js";
import { type CopyOptions, copyTree } from "./copy-files.js";
import { readStart, unlessShort } from "./owned-file.js";

/** The standby lacks WAL that the primary has thrown away already. */
export class WalGapError extends Error {}

const SEGMENT = /^[0-9A-F]{24}$/;
const UNFINISHED = "handed-";
const MAX_HISTORY_BYTES = 1_048_576;

export type HandOver = {
  /** In the primary's pg_wal. */
  readonly names: readonly string[];
  /** Whether that is all that there is: not so where something of it cannot be read any more. */
  readonly isWhole: boolean;
};

/**
 * The files of the primary's pg_wal that the standby needs, up to the first that cannot be read, for data directories of servers in
 * whatever state. @throws WalGapError
 */
export async function listHandOver(from: string, to: string): Promise<HandOver> {
  const { minRecoveryPoint, redo, segmentBytes } = await readControlFile(to);
  const names = await readdir(join(from, "pg_wal")).catch(unlessShort([]));
  const numberOf = (name: string) => {
    const perLog = 0x1_0000_0000 / segmentBytes;
    return Number.parseInt(name.slice(8, 16), 16) * perLog + Number.parseInt(name.slice(16), 16);
  };
  const first = Number((minRecoveryPoint || redo) / BigInt(segmentBytes));
  const look = async (folder: string, names: readonly string[]) => {
    const segments = names.filter((name) => SEGMENT.test(name));
    const begins = await Promise.all(segments.map((name) => beginsAt(join(folder, "pg_wal", name))));
    const isReal = (name: string, index: number) => begins[index] === BigInt(numberOf(name)) * BigInt(segmentBytes);
    return { real: segments.filter(isReal), unreadable: segments.filter((_, index) => begins[index] === null) };
  };
  const { real: all, unreadable } = await look(from, names);
  const end = Math.min(...unreadable.map(numberOf).filter((number) => number >= first));
  // None, where the standby is at the very end of the last one.
  const theirs = all.filter((name) => numberOf(name) >= first && numberOf(name) < end);
  const { real: mine } = await look(to, await readdir(join(to, "pg_wal")));
  const numbers = new Set([...theirs, ...mine].map(numberOf));
  for (let number = first; number <= Math.max(...theirs.map(numberOf)); number++) {
    if (!numbers.has(number)) throw new WalGapError("The standby lacks WAL that its primary does not have any more.");
  }
  const histories = names.filter((name) => name.endsWith(".history"));
  return { names: [...theirs, ...histories], isWhole: all.length > 0 && end === Number.POSITIVE_INFINITY };
}

/**
 * Copies such files into the standby's pg_wal. Both servers are down. Each file appears whole; one that was there is replaced, for the
 * primary's has as much and more. It may be killed anywhere, and done again.
 * @throws StorageFullError, Error when a file cannot be read
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

/** Where a cluster left its last timeline when it was promoted: the end of what it had of its old primary. */
export async function endOfLastTimeline(dataDir: string): Promise<{ text: string; position: bigint }> {
  const wal = join(dataDir, "pg_wal");
  const newest = (await readdir(wal))
    .filter((name) => /^[0-9A-F]{8}\.history$/.test(name))
    .sort()
    .at(-1);
  const last = newest && (await readStart(join(wal, newest), MAX_HISTORY_BYTES)).toString().trim().split("\n").at(-1);
  const text = last?.split("\t")[1];
  if (text === undefined) throw new Error(`There is no history of timelines in ${dataDir}.`);
  return { text, position: parsePosition(text) };
}

/** The position that the first page of a segment gives itself: one that is kept to be written later has another. Null where it cannot be read. */
async function beginsAt(path: string): Promise<bigint | null> {
  const start = await readStart(path, 16).catch(unlessShort(null));
  if (start === null || start.length < 16) return null;
  return endianness() === "LE" ? start.readBigUInt64LE(8) : start.readBigUInt64BE(8);
}
