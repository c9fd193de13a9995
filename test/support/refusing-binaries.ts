/** Binaries of PostgreSQL, of which `postgres` does not start with some arguments, as on a host that has not the memory. */
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inject } from "vitest";

/** @param pattern of the shell, for all arguments together @returns the folder of the binaries */
export async function refusingBinaries(folder: string, pattern: string): Promise<string> {
  const [real, bin] = [inject("binaries"), join(folder, "bin")];
  await mkdir(bin, { recursive: true });
  for (const name of ["initdb", "pg_ctl"]) await symlink(join(real, name), join(bin, name)).catch(() => undefined);
  // A preview reads settings only, and needs no memory.
  const script = `#!/bin/sh
case "$*" in
  "-C "*) ;;
  ${pattern}) echo 'FATAL:  could not map anonymous shared memory: Cannot allocate memory' >&2; exit 1 ;;
esac
exec '${join(real, "postgres")}' "$@"
`;
  await writeFile(join(bin, "postgres"), script);
  await chmod(join(bin, "postgres"), 0o755);
  return bin;
}
