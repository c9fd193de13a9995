/** Data of former primaries that may hold what nothing else does: kept beside the member's own, the newest only. */
import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "../../cluster/durability.js";
import type { Host } from "./host.js";

const KEPT = /^kept-(failover|split-brain)-\d{8}T\d{6}Z$/;

/** Why data are kept. */
export type KeptFor = "failover" | "split-brain";

export const keptName = (why: KeptFor, now: Date) => `kept-${why}-${now.toISOString().replace(/[-:]|\.\d+/g, "")}`;

export const keptPath = (host: Host, providerId: string, member: string, name: string) =>
  join(host.instances.memberFolder(providerId, member), name);

/** Puts a member's data aside, and removes what was kept of it before: disks are finite. Its server is down. */
export async function putAside(host: Host, providerId: string, member: string, name: string): Promise<void> {
  const folder = host.instances.memberFolder(providerId, member);
  const kept = await listKept(host, providerId, member);
  // Where that was done already, what stands in its place is the copy of a rebuild that was cut short.
  if (!kept.some((one) => one.name === name)) {
    await rename(join(folder, "data"), join(folder, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
    await syncFolder(folder);
  }
  for (const other of kept) {
    if (other.name !== name) await rm(other.path, { recursive: true, force: true });
  }
}

/** What is kept of a member. */
export async function listKept(host: Host, providerId: string, member: string) {
  const names = await readdir(host.instances.memberFolder(providerId, member)).catch(() => []);
  return names.flatMap((name) => {
    const why = KEPT.exec(name)?.[1] as KeptFor | undefined;
    return why ? [{ name, why, path: keptPath(host, providerId, member, name) }] : [];
  });
}
