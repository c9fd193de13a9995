/** The binaries of PostgreSQL for clusters that a test only needs: making one takes longer than all that is done with it. */
import { chown, copyFile, mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { findBinaries } from "../../src/postgres/binaries.js";
import { databaseUser } from "../../src/postgres/os-user.js";

/** @returns a folder of binaries below `folder`, in a tree like theirs, whose `initdb` copies the first cluster that it has made */
export async function placeBinaries(folder: string): Promise<string> {
  const user = await databaseUser();
  const real = await findBinaries(user);
  // Not `postgresql`: what lies in the folder for data out of reach under the name of an entry here is removed with the run.
  const tree = join(folder, "placed-binaries");
  const [bin, clusters] = [join(tree, "bin"), join(tree, "clusters")];
  for (const each of [bin, clusters]) await mkdir(each, { recursive: true, mode: 0o755 });
  await chown(clusters, user.uid, user.gid);
  await symlink(join(real, "initdb"), join(bin, "real-initdb"));
  await symlink(join(real, "postgres"), join(bin, "postgres"));
  for (const each of ["lib", "share"]) await symlink(join(dirname(real), each), join(tree, each));
  await copyFile(new URL("initdb.sh", import.meta.url), join(bin, "initdb"));
  return bin;
}
