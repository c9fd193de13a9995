/** The replication slots of a cluster, read from its files: also while no server runs. */
import { readdir } from "node:fs/promises";
import { endianness } from "node:os";
import { join } from "node:path";
import { readStart } from "./owned-file.js";

export type ReplicationSlot = {
  readonly name: string;
  /** Of one database, for changes as rows; else for whole servers. */
  readonly isLogical: boolean;
};

/** Where the persistent data of a slot's file begins: behind magic, checksum, version and length. PostgreSQL 9.4 to 18. */
const DATA = 16;
const NAME_BYTES = 64;
const [DATABASE, PERSISTENCY] = [DATA + NAME_BYTES, DATA + NAME_BYTES + 4];
const PERSISTENT = 0;

/** Those that outlast a session, by name. */
export async function listSlots(dataDir: string): Promise<ReplicationSlot[]> {
  const names = await readdir(join(dataDir, "pg_replslot")).catch(() => []);
  const found = await Promise.all(
    names.map(async (name) => {
      const state = await readStart(join(dataDir, "pg_replslot", name, "state"), PERSISTENCY + 4).catch(
        () => undefined,
      );
      // Being made, or dropped meanwhile.
      if (!state || state.length < PERSISTENCY + 4) return [];
      const at = (offset: number) => (endianness() === "LE" ? state.readUInt32LE(offset) : state.readUInt32BE(offset));
      return at(PERSISTENCY) === PERSISTENT ? [{ name, isLogical: at(DATABASE) !== 0 }] : [];
    }),
  );
  return found.flat().sort((one, other) => one.name.localeCompare(other.name));
}
