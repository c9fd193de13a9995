/** Records which process owns the folder of a fleet: the one that opened it last. An earlier one must no longer touch it. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { readDurable, writeDurableJson } from "./durable-json.js";

const ownerForm = z.object({ id: z.string() });

/** Checks the ownership before a write. @throws Error where another process has opened the folder since */
export type RequireOwned = () => Promise<void>;

/**
 * Takes ownership of the folder by writing a random id into owner.json.
 *
 * For example, Postern A wrote {"id": "aaa"}, hangs for a minute, and Postern B takes over and writes {"id": "bbb"}. When A goes on
 * and wants to fence a member, it reads "bbb" first, calls onLost and throws: the servers are B's now.
 * @param onLost is called when another process owns the folder, before the error is thrown
 */
export async function takeOwnership(folder: string, onLost: () => void): Promise<RequireOwned> {
  const file = join(folder, "owner.json");
  const id = randomUUID();
  await writeDurableJson(file, { id });
  return async () => {
    // A file that cannot be read does not prove another owner.
    const owner = await readDurable(file, ownerForm).catch(() => undefined);
    if (owner === undefined || owner.id === id) return;
    onLost();
    throw new Error("Another Postern has taken over the fleet, so this one does nothing to it any more.");
  };
}
