/** Whose the folder of a fleet is: the process that opened it last. One that has lost it must touch nothing there any more. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { readDurable, writeDurably } from "./durable-json.js";

const ownerForm = z.object({ id: z.string() });

/** @throws Error where another process has opened the folder since */
export type RequireOwned = () => Promise<void>;

/** @param onLost told when another process has it, before the error that stops what was about to be done */
export async function takeFolder(folder: string, onLost: () => void): Promise<RequireOwned> {
  const file = join(folder, "owner.json");
  const id = randomUUID();
  await writeDurably(file, { id });
  return async () => {
    // What cannot be read says nothing of another one.
    const owner = await readDurable(file, ownerForm).catch(() => undefined);
    if (owner === undefined || owner.id === id) return;
    onLost();
    throw new Error("Another Postern has taken over the fleet: nothing is done to it here any more.");
  };
}
