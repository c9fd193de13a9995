/** Keeps the role that standbys connect as, and its password. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Sql } from "postgres";
import type { Cluster } from "../../postgres/cluster.js";
import { connectAsSuperuser, type SuperuserConnectionOptions } from "../../postgres/connection.js";
import { writeOwned } from "../../postgres/owned-file.js";
import type { Host } from "./host.js";

/** The role that standbys connect as. Its password is in the data directory, in a file that libpq reads. */
export const REPLICATION_ROLE = "postern_replication";

export const REPLICATION_PASSWORD_FILE = "replication.pgpass";

/** @returns the password of the replication role from the data directory; null where it cannot be read */
export const replicationPassword = (cluster: Cluster): Promise<string | null> =>
  cluster.readSecret(REPLICATION_PASSWORD_FILE).then(
    (text) => text.trim().split(":")[4] ?? null,
    () => null,
  );

/** Creates the role that standbys connect as. Its password is in the data directory, and so in every copy. */
export async function createReplicationRole(host: Host, primary: Cluster, signal: AbortSignal): Promise<void> {
  const password = randomBytes(24).toString("base64url");
  const passwordFile = join(primary.dataDir, REPLICATION_PASSWORD_FILE);
  await writeOwned(passwordFile, `*:*:*:${REPLICATION_ROLE}:${password}\n`, host.user);
  await restoreReplicationRole(primary, { signal });
}

/** Creates or alters the replication role as the standbys expect it. @throws Error when its password cannot be read */
export async function restoreReplicationRole(primary: Cluster, options: SuperuserConnectionOptions): Promise<void> {
  const password = await replicationPassword(primary);
  if (!password || !/^[\w-]+$/.test(password)) throw new Error("The password of the replication cannot be read.");
  const restore = async (sql: Sql) => {
    const [existing] = await sql`select from pg_roles where rolname = ${REPLICATION_ROLE}`;
    const verb = existing ? "alter" : "create";
    await sql.unsafe(
      `${verb} role ${REPLICATION_ROLE} login replication password '${password}' valid until 'infinity'`,
    );
  };
  await connectAsSuperuser(primary, restore, options);
}
