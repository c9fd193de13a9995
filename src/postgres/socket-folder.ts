/** Chooses the folder of a cluster's Unix socket, whose path must be short. */
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The size of a `sockaddr_un` on macOS, where it is smallest, less the name of the socket in the folder. */
const MAX_BYTES = 103 - "/.s.PGSQL.65535.lock".length;

/** @returns `run` in the cluster's folder or, where that path does not suit a socket, a folder in the temporary folder */
export function socketFolderOf(folder: string): string {
  const near = join(folder, "run");
  if (Buffer.byteLength(near) <= MAX_BYTES && /^[\w/.+@-]+$/.test(near)) return near;
  return join(tmpdir(), `postern-${createHash("sha256").update(near).digest("hex").slice(0, 16)}`);
}
