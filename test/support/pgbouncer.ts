/** A PgBouncer of the run between the apps under test and PostgreSQL: few connections, in transaction mode, for every database. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import postgres from "postgres";
import { databaseUser } from "../../src/postgres/os-user.js";
import { eventually } from "./sandbox.js";

/** How to reach a cluster, or a pooler before it, through a Unix socket. */
export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly username: string;
  readonly password: string;
}

/** Server connections of each database: fewer than Postern opens, so that its connections share them. */
export const POOL_SIZE = 3;
/** Names the socket only: nothing listens on the network. */
const PORT = 6432;
/** The first release that carries prepared statements. */
const CARRIES_SINCE = [1, 21];

/** @param program the path of the PgBouncer to start @param settings more of them */
export async function startPgbouncer(
  program: string,
  { host, port, username, password }: Connection,
  settings: Record<string, string | number> = {},
) {
  const { stdout } = await promisify(execFile)(program, ["--version"]).catch((cause) => {
    throw new Error(`${program} is no PgBouncer.`, { cause });
  });
  const version = /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? "";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const carries = major > CARRIES_SINCE[0]! || minor >= CARRIES_SINCE[1]!;
  const user = await databaseUser();
  const folder = await mkdtemp(join(tmpdir(), "postern-pgbouncer-"));
  await chmod(folder, 0o777);
  const [ini, users, log] = ["pgbouncer.ini", "users.txt", "log"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const all = {
    unix_socket_dir: folder,
    listen_port: PORT,
    auth_type: "scram-sha-256",
    auth_file: users,
    admin_users: username,
    logfile: log,
    pool_mode: "transaction",
    default_pool_size: POOL_SIZE,
    max_client_conn: 1000,
    // So that the databases of files that are over hold no connections.
    server_idle_timeout: 20,
    // Tests take their database away and give it back; fifteen seconds, the default, is what they would wait then.
    server_login_retry: 1,
    ...(carries && { max_prepared_statements: 200 }),
    ...settings,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`);
  await writeFile(ini, `[databases]\n* = host=${host} port=${port}\n[pgbouncer]\n${lines.join("\n")}\n`);
  await writeFile(users, `"${username}" "${password}"\n`);
  // It ends when this process does, however that ends: the pipe closes then.
  const script = '"$0" -q "$1" & read -r _; kill $!; wait';
  const child = spawn("/bin/sh", ["-c", script, program, ini], {
    uid: user.uid,
    gid: user.gid,
    cwd: "/",
    detached: true,
    stdio: ["pipe", "ignore", "inherit"],
  });
  const closed = once(child, "close");
  const connection: Connection = { host: folder, port: PORT, path: `${folder}/.s.PGSQL.${PORT}`, username, password };
  const stop = async () => {
    child.stdin?.end();
    await closed;
    await rm(folder, { recursive: true, force: true });
  };
  const admin = postgres({
    ...connection,
    database: "pgbouncer",
    max: 1,
    fetch_types: false,
    onnotice: () => undefined,
  });
  try {
    await eventually(() =>
      admin
        .unsafe("show version")
        .simple()
        .then(
          () => true,
          () => false,
        ),
    );
  } catch (cause) {
    const said = await readFile(log, "utf8").catch(() => "");
    await stop();
    throw new Error(`PgBouncer does not start: ${said}`, { cause });
  } finally {
    await admin.end({ timeout: 0 });
  }
  return { connection, version, carries, stop };
}
