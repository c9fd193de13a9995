/** Keeps the data of former primaries that may hold lost writes, beside the member's own data, and only the newest. */

import { readdir, rename, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "../../durability.js";
import type { Host } from "./host.js";
import { listMemberFolders } from "./members.js";

const KEPT = /^kept-(failover|split-brain)-\d{8}T\d{6}Z$/;

export type KeptDataFor = "failover" | "split-brain";

export const keptName = (why: KeptDataFor, now: Date) => `kept-${why}-${now.toISOString().replace(/[-:]|\.\d+/g, "")}`;

export const keptPath = (host: Host, providerId: string, member: string, name: string) =>
  join(host.instances.memberFolder(providerId, member), name);

/**
 * Puts a member's data aside, and removes what was kept of it before, to save disk space. Where there is no data, the older copy
 * stays. The member's server must be down.
 */
export async function keepDataAside(host: Host, providerId: string, member: string, name: string): Promise<void> {
  const folder = host.instances.memberFolder(providerId, member);
  const kept = await listKept(host, providerId, member);
  // If it was done already, the data in its place is the new clone of a rebuild that was cut short.
  if (!kept.some((entry) => entry.name === name)) {
    const hasData = await rename(join(folder, "data"), join(folder, name)).then(
      () => true,
      (error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? false : Promise.reject(error)),
    );
    if (!hasData) return;
    await syncFolder(folder);
  }
  for (const older of kept) {
    if (older.name !== name) await rm(older.path, { recursive: true, force: true });
  }
}

/** Puts data aside at once, so that people find it at the path that they are told. If it fails, the rebuild of the member tries again. */
export const keepDataAsideNow = (host: Host, providerId: string, member: string, name: string): Promise<void> =>
  keepDataAside(host, providerId, member, name).catch((error) =>
    host.log.error({ err: error, providerId, member }, "Could not put data aside yet"),
  );

/** Removes a member except for its kept data. */
export async function removeKeptMember(host: Host, providerId: string, member: string): Promise<void> {
  const folder = host.instances.memberFolder(providerId, member);
  for (const name of await readdir(folder)) {
    if (!KEPT.test(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
  // The folder stays where it still holds kept data.
  await rmdir(folder).catch(() => {});
}

/** Lists the names of all members that have a folder with more than kept data. */
export async function listMembersBesidesKeptData(host: Host, providerId: string): Promise<string[]> {
  const names = await listMemberFolders(host, providerId);
  const nonEmpty = names.map(async (name) => {
    const entries = await readdir(host.instances.memberFolder(providerId, name)).catch(() => []);
    return entries.length === 0 || entries.some((entry) => !KEPT.test(entry)) ? [name] : [];
  });
  return (await Promise.all(nonEmpty)).flat();
}

/** Lists the kept data of a member. */
export async function listKept(host: Host, providerId: string, member: string) {
  const names = await readdir(host.instances.memberFolder(providerId, member)).catch(() => []);
  return names.flatMap((name) => {
    const why = KEPT.exec(name)?.[1] as KeptDataFor | undefined;
    return why ? [{ name, why, path: keptPath(host, providerId, member, name) }] : [];
  });
}
