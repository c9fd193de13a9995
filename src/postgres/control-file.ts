/** Reads a cluster's control file, and whether it is a standby. Unlike SQL this works while no server runs. */
import { access } from "node:fs/promises";
import { endianness } from "node:os";
import { join } from "node:path";
import { NotAFileError, readOwnedFileStart } from "./owned-file.js";

/** The control file is missing or useless: PostgreSQL cannot start with it. */
export class ControlFileLostError extends Error {}

type ControlFile = {
  /** True after a clean shutdown; the checkpoint is then the last record of the WAL. */
  readonly isShutDown: boolean;
  /** True while the server takes writes, and still after it was killed. */
  readonly isInProduction: boolean;
  /** Where the last checkpoint record begins, as a position in the WAL. */
  readonly checkpoint: bigint;
  /** A standby that starts again has replayed all WAL up to here. Zero for a cluster that is no standby. */
  readonly minRecoveryPoint: bigint;
  /** Where the last checkpoint began: every server replays from here. */
  readonly redo: bigint;
  readonly segmentBytes: number;
  /** The parameters of the server that wrote the WAL. A standby with a lower value of one does not replay it. */
  readonly needed: Readonly<Record<"max_connections" | "max_worker_processes" | "max_wal_senders", number>>;
};

/** The version of the control file in PostgreSQL 13 to 16. */
const VERSION = 1300;
const BYTES = 232;
const SHUT_DOWN = 1;
const IN_PRODUCTION = 6;

/** @throws ControlFileLostError, also where the file is of another version, and the operating system's error where it cannot be read */
export async function readControlFile(dataDir: string): Promise<ControlFile> {
  const file = await readOwnedFileStart(join(dataDir, "global/pg_control"), BYTES).catch(
    (error: NodeJS.ErrnoException) => {
      const isGone = error instanceof NotAFileError || /^(ENOENT|ENOTDIR|ELOOP)$/.test(error.code ?? "");
      throw isGone ? new ControlFileLostError(`There is no control file in ${dataDir}.`, { cause: error }) : error;
    },
  );
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const little = endianness() === "LE";
  if (file.length < BYTES || view.getUint32(8, little) !== VERSION)
    throw new ControlFileLostError(`The control file in ${dataDir} is cut short, or of an unknown version.`);
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

/** Whether PostgreSQL would start this data as a standby. Without this file it starts as a primary. */
export const isStandbyData = ({ dataDir }: { readonly dataDir: string }): Promise<boolean> =>
  access(join(dataDir, "standby.signal")).then(
    () => true,
    () => false,
  );

/** Turns a position in the WAL as PostgreSQL writes it, such as `16/B374D848`, into a number. */
export function parsePosition(text: string): bigint {
  const [high, low] = text.split("/");
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}
