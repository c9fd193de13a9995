/** Reads the replication slots of a cluster from its files, which works while no server runs. */
import { readdir } from "node:fs/promises";
import { endianness } from "node:os";
import { join } from "node:path";
import { readOwnedFileStart } from "./owned-file.js";

type ReplicationSlot = {
  readonly name: string;
  /** A logical slot sends the changed rows of one database, a physical one the WAL of the whole server. */
  readonly isLogical: boolean;
};

/** A slot's data begins behind the magic number, checksum, version and length of its file, in PostgreSQL 9.4 to 18. */
const DATA_OFFSET = 16;
const NAME_BYTES = 64;
const [DATABASE, PERSISTENCY] = [DATA_OFFSET + NAME_BYTES, DATA_OFFSET + NAME_BYTES + 4];
const PERSISTENT = 0;

/** Lists the slots that outlast a session, sorted by name. */
export async function listSlots(dataDir: string): Promise<ReplicationSlot[]> {
  const names = await readdir(join(dataDir, "pg_replslot")).catch(() => []);
  const slots = await Promise.all(
    names.map(async (name) => {
      const state = await readOwnedFileStart(join(dataDir, "pg_replslot", name, "state"), PERSISTENCY + 4).catch(
        () => undefined,
      );
      // The slot is just being made or dropped.
      if (!state || state.length < PERSISTENCY + 4) return [];
      const readNumber = (offset: number) =>
        endianness() === "LE" ? state.readUInt32LE(offset) : state.readUInt32BE(offset);
      return readNumber(PERSISTENCY) === PERSISTENT ? [{ name, isLogical: readNumber(DATABASE) !== 0 }] : [];
    }),
  );
  return slots.flat().sort((first, second) => first.name.localeCompare(second.name));
}
