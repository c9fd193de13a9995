/** What a cluster's control file says: readable while no server runs, which SQL is not. */
import { readFile } from "node:fs/promises";
import { endianness } from "node:os";
import { join } from "node:path";

export type ControlFile = {
  /** True after a clean shutdown, whose checkpoint is then the last record of its WAL. */
  readonly isShutDown: boolean;
  /** True while it takes writes, and after a kill; whoever promoted it. */
  readonly isInProduction: boolean;
  /** Where the last checkpoint record begins, as a position in the WAL. */
  readonly checkpoint: bigint;
  /** From where a standby, started anew, needs WAL at most: it has replayed what is before. Zero for what is no standby. */
  readonly minRecoveryPoint: bigint;
  /** Where the last checkpoint began, from which any server replays. */
  readonly redo: bigint;
  readonly segmentBytes: number;
  /** What whoever wrote its WAL had of these parameters: with less of one, no standby replays it. */
  readonly needed: Readonly<Record<"max_connections" | "max_worker_processes" | "max_wal_senders", number>>;
};

/** PostgreSQL 13 to 16. */
const VERSION = 1300;
const SHUT_DOWN = 1;
const IN_PRODUCTION = 6;

/** Rejects with an Error when there is none, or one of another version of PostgreSQL. */
export async function readControlFile(dataDir: string): Promise<ControlFile> {
  const file = await readFile(join(dataDir, "global/pg_control"));
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const little = endianness() === "LE";
  if (view.getUint32(8, little) !== VERSION) throw new Error(`The control file in ${dataDir} has an unknown version.`);
  const state = view.getUint32(16, little);
  return {
    isShutDown: state === SHUT_DOWN,
    isInProduction: state === IN_PRODUCTION,
    checkpoint: view.getBigUint64(32, little),
    redo: view.getBigUint64(40, little),
    minRecoveryPoint: view.getBigUint64(136, little),
    segmentBytes: view.getUint32(228, little),
    needed: {
      max_connections: view.getInt32(180, little),
      max_worker_processes: view.getInt32(184, little),
      max_wal_senders: view.getInt32(188, little),
    },
  };
}

/** A position in the WAL as PostgreSQL writes it, `16/B374D848`, as a number. */
export function parsePosition(text: string): bigint {
  const [high, low] = text.split("/");
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}
