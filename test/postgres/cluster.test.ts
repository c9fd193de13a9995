/** A real cluster: made, started whatever was left behind, adopted, stopped. */
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFile,
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { findBinaries } from "../../src/postgres/binaries.js";
import { claimCluster } from "../../src/postgres/claim.js";
import { Cluster } from "../../src/postgres/cluster.js";
import { ControlFileLostError, readControlFile } from "../../src/postgres/control-file.js";
import { fence } from "../../src/postgres/fence.js";
import { chooseFolder } from "../../src/postgres/folder.js";
import { StillStartingError } from "../../src/postgres/last-words.js";
import { databaseUser } from "../../src/postgres/os-user.js";
import { clearStalePostmaster, findPostmaster } from "../../src/postgres/postmaster.js";
import { asSuperuser, eventually, isRoot, makeCluster, processesIn, UNSYNCED, useSandbox } from "../support/sandbox.js";

const sandbox = useSandbox();

/** A process of the database's user that is no PostgreSQL: what a reused pid looks like. */
async function stranger(): Promise<ChildProcess> {
  const { uid, gid } = await databaseUser();
  const child = spawn("sleep", ["600"], { uid, gid, cwd: "/", stdio: "ignore" });
  await once(child, "spawn");
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

async function killed(cluster: Cluster): Promise<string> {
  const running = await cluster.start();
  const pidFile = await readFile(join(cluster.dataDir, "postmaster.pid"), "utf8");
  process.kill(running.pid, "SIGKILL");
  await eventually(async () => !(await findPostmaster(cluster.dataDir)));
  return pidFile;
}

test("a new cluster is UTF8 in locale C, asks everybody for a scram password and listens on its socket only", async () => {
  const cluster = await makeCluster(join(sandbox.path, "a"), { settings: { work_mem: "5MB", fsync: "on" } });
  const running = await cluster.start();
  const show = (name: string) =>
    asSuperuser(cluster, running, async (sql) => (await sql`select current_setting(${name}) as value`)[0]?.value);
  expect(running.started).toBe(true);
  expect(await show("server_encoding")).toBe("UTF8");
  expect(await show("lc_collate")).toBe("C");
  expect(await show("listen_addresses")).toBe("");
  expect(await show("shared_buffers")).toBe("64MB");
  expect(await show("work_mem")).toBe("5MB");
  const methods = await asSuperuser(cluster, running, (sql) => sql`select distinct auth_method from pg_hba_file_rules`);
  expect(methods.map((row) => row.auth_method)).toEqual(["scram-sha-256"]);
  const stored = await asSuperuser(cluster, running, (sql) => sql`select rolpassword from pg_authid where rolcanlogin`);
  expect(stored.map((row) => row.rolpassword.split("$")[0])).toEqual(["SCRAM-SHA-256"]);
  for (const [path, mode] of [
    [cluster.dataDir, 0o700],
    [running.host, 0o700],
    [join(cluster.dataDir, "superuser.password"), 0o600],
  ] as const) {
    expect((await stat(path)).mode & 0o777, path).toBe(mode);
  }
  await cluster.stop();
  expect(await processesIn(sandbox.path)).toEqual([]);
  await cluster.stop();
});

test("on request it listens on loopback", async () => {
  const cluster = await makeCluster(join(sandbox.path, "a"), { tcpPort: 54_871 });
  const running = await cluster.start();
  const [row] = await asSuperuser(cluster, running, (sql) => sql`select current_setting('listen_addresses') as at`);
  expect([running.port, row?.at]).toEqual([54_871, "127.0.0.1"]);
  await cluster.stop();
});

test("a start after kill -9 finds the same rows, and one that runs is adopted", async () => {
  const cluster = await makeCluster(join(sandbox.path, "a"));
  const first = await cluster.start();
  await asSuperuser(cluster, first, (sql) => sql`create table notes as select 'kept' as text`);
  await killed(cluster);

  const second = await cluster.start();
  expect([second.started, second.pid === first.pid]).toEqual([true, false]);
  expect(await asSuperuser(cluster, second, (sql) => sql`select text from notes`)).toEqual([{ text: "kept" }]);
  expect(await cluster.start()).toEqual({ ...second, started: false });
  await cluster.stop();
});

test.each([
  ["busy", "select count(*) from generate_series(1, 1000000000000)"],
  ["frozen", "select pg_sleep(600)"],
])("%s backends that outlive a killed postmaster are killed, so that the next start succeeds", async (how, query) => {
  const told: number[] = [];
  const cluster = await makeCluster(join(sandbox.path, "a"), { onOrphans: async (killed) => void told.push(killed) });
  const running = await cluster.start();
  // It works in the data folder too, and has nothing to fear.
  const { uid, gid } = await databaseUser();
  const person = spawn("sleep", ["600"], { uid, gid, cwd: cluster.dataDir, stdio: "ignore" });
  onTestFinished(() => void person.kill("SIGKILL"));
  const other = await makeCluster(join(sandbox.path, "b"));
  const neighbour = await other.start();

  const session = asSuperuser(cluster, running, (sql) => sql.unsafe(query)).catch(() => {});
  const orphan = await asSuperuser(cluster, running, (sql) =>
    eventually(async () => {
      const [row] = await sql`select pid from pg_stat_activity where query = ${query} and leader_pid is null`;
      return row?.pid as number;
    }),
  );
  if (how === "frozen") process.kill(orphan, "SIGSTOP");
  await killed(cluster);
  // Nobody may reap it: a zombie shows no command line.
  const isAlive = async () => (await readFile(`/proc/${orphan}/cmdline`, "utf8").catch(() => "")) !== "";
  expect(await isAlive(), "it has outlived the postmaster").toBe(true);

  const since = Date.now();
  const next = await cluster.start();
  expect([next.started, told.length, told[0]! >= 1]).toEqual([true, 1, true]);
  expect(Date.now() - since).toBeLessThan(5_000);
  expect(await isAlive()).toBe(false);
  expect(person.exitCode ?? person.signalCode).toBeNull();
  expect(await other.start()).toEqual({ ...neighbour, started: false });
  const log = await readFile(join(sandbox.path, "a/database/postgres.log"), "utf8");
  expect(log).toContain("pre-existing shared memory block");
  await Promise.all([cluster.stop(), other.stop()]);
  await session;
});

/** A server as a person starts it, in the cluster's folder; not by the line that Postern would write. */
async function byHand(cluster: Cluster, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<ChildProcess> {
  const user = await databaseUser();
  const child = spawn(join(await findBinaries(user), "postgres"), args, {
    uid: user.uid,
    gid: user.gid,
    cwd: dirname(cluster.dataDir),
    env: { PATH: process.env.PATH, ...env },
    stdio: ["pipe", "ignore", "ignore"],
  });
  await once(child, "spawn");
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}
const isAlive = ({ exitCode, signalCode }: ChildProcess) => exitCode === null && signalCode === null;
const named = (lock: string, pid: string) =>
  eventually(() =>
    readFile(lock, "utf8").then(
      (text) => text.startsWith(`${pid}\n`),
      () => false,
    ),
  );
const own = (cluster: Cluster) => ["-k", dirname(cluster.dataDir), "-c", "listen_addresses=", "-c", "fsync=off"];

test.each<[string, string[], NodeJS.ProcessEnv]>([
  ["a folder of its own", ["-D", "data"], {}],
  ["another spelling", ["-D", "./data/"], {}],
  ["its environment", [], { PGDATA: "data" }],
])(
  "a server that somebody started by hand, by %s, is adopted, keeps its lock, and is fenced",
  async (_how, args, env) => {
    const cluster = await makeCluster(join(sandbox.path, "a"));
    const user = await databaseUser();
    const orphanName = `hand-${args.join()}`;
    const child = await byHand(cluster, [...args, ...own(cluster)], env);
    const lock = join(cluster.dataDir, "postmaster.pid");
    await named(lock, String(child.pid));
    const running = await cluster.start();
    expect(running).toMatchObject({ pid: child.pid, started: false });
    await clearStalePostmaster(lock, cluster.dataDir);
    await stat(lock);
    // Where its lock is gone, the next start meets its memory, and spares it.
    await rename(lock, `${lock}.away`);
    const hasty = await makeCluster(join(sandbox.path, "a"), { startTimeoutMs: 1_000 });
    await expect(hasty.start()).rejects.toThrow("did not start");
    expect(isAlive(child)).toBe(true);
    await rename(`${lock}.away`, lock);

    const query = `select '${orphanName}', count(*) from generate_series(1, 1000000000000)`;
    const session = asSuperuser(cluster, running, (sql) => sql.unsafe(query)).catch(() => {});
    const orphan = await asSuperuser(cluster, running, (sql) =>
      eventually(async () => {
        const [row] = await sql`select pid from pg_stat_activity where query = ${query} and leader_pid is null`;
        return row?.pid as number;
      }),
    );
    process.kill(child.pid!, "SIGKILL");
    await eventually(() => !isAlive(child));
    const shows = () => readFile(`/proc/${orphan}/cmdline`, "utf8").catch(() => "");
    expect(await shows(), "it could still commit").not.toBe("");
    await fence(cluster, user, "no-such-name", 0);
    expect(await shows()).toBe("");
    await session;
  },
);

test("a server for a single user keeps its lock too, and is fenced", async () => {
  const cluster = await makeCluster(join(sandbox.path, "a"), { startTimeoutMs: 1_000 });
  const child = await byHand(cluster, ["--single", "-D", "data", "-c", "fsync=off", "postgres"]);
  const lock = join(cluster.dataDir, "postmaster.pid");
  await named(lock, `-${child.pid}`);
  await expect(cluster.start()).rejects.toThrow("did not start");
  expect(isAlive(child)).toBe(true);
  await fence(cluster, await databaseUser(), "no-such-name", 0);
  await eventually(() => !isAlive(child));
});

test("a folder that was copied with its lock file does not get the server of the other killed", async () => {
  const cluster = await makeCluster(join(sandbox.path, "a"));
  const running = await cluster.start();
  const user = await databaseUser();
  const { path } = await chooseFolder(join(sandbox.path, "copied"), "database", user);
  execFileSync("cp", ["-a", cluster.dataDir, join(path, "data")]);
  const copy = await makeCluster(join(sandbox.path, "copied"));
  expect(await findPostmaster(copy.dataDir)).toBeUndefined();
  await fence(copy, user, "no-such-name", 0);
  expect(await cluster.start()).toEqual({ ...running, started: false });
  await cluster.stop();
});

test("lock files that name a stranger's pid, or nothing, do not keep it from starting", async () => {
  const cluster = await makeCluster(join(sandbox.path, "a"));
  const pidFile = await killed(cluster);
  const { pid } = await stranger();
  const lock = join(cluster.dataDir, "postmaster.pid");
  const socketLock = join(sandbox.path, "a/database/run/.s.PGSQL.5432.lock");
  await writeFile(lock, pidFile.replace(/^\d+/, String(pid)));
  await writeFile(socketLock, `${pid}\n`);
  expect((await cluster.start()).started).toBe(true);
  expect(() => process.kill(pid!, 0)).not.toThrow();

  await killed(cluster);
  await writeFile(lock, "");
  await utimes(lock, 0, 0);
  expect((await cluster.start()).started).toBe(true);

  await cluster.stop();
  await writeFile(lock, pidFile.replace(/^\d+/, String(pid)));
  await cluster.stop();
  expect(() => process.kill(pid!, 0), "stop spares the stranger").not.toThrow();
});

test("a start that takes longer than somebody waits goes on, and is taken over by who looks again", async () => {
  const cluster = await makeCluster(join(sandbox.path, "a"));
  await killed(cluster);
  const go = join(cluster.dataDir, "go-on");
  const settings = { ...UNSYNCED, restore_command: `while ! test -e "${go}"; do sleep 0.05; done; false` };
  await writeFile(join(cluster.dataDir, "recovery.signal"), "");
  const slow = await makeCluster(join(sandbox.path, "a"), { settings, startTimeoutMs: 1_000 });
  await expect(slow.start()).rejects.toThrow(StillStartingError);
  const coming = await findPostmaster(cluster.dataDir);
  expect(coming).toMatchObject({ isReady: false });
  await expect(slow.start()).rejects.toThrow("did not start within 1000 ms");
  const log = pino({ level: "silent" });
  const claim = claimCluster(slow, log);
  await writeFile(go, "");
  const { cluster: running, stop } = await claim;
  expect(running).toMatchObject({ pid: coming?.pid, started: false });
  await stop();
  // Who gives up while it starts, and has begun that, ends it.
  await rm(go);
  await writeFile(join(cluster.dataDir, "recovery.signal"), "");
  const giving = new AbortController();
  const given = claimCluster(slow, pino({ level: "warn" }, { write: () => giving.abort() }), giving.signal);
  await expect(given).rejects.toThrow("aborted");
  expect(await findPostmaster(cluster.dataDir)).toBeUndefined();
  await writeFile(go, "");
  await slow.start();
  await eventually(async () => !(await readdir(cluster.dataDir)).includes("recovery.signal"));
  await slow.stop();
});

test.runIf(isRoot)(
  "what the database's user puts in its folders is not followed, nor waited for, nor given away",
  async () => {
    const cluster = await makeCluster(join(sandbox.path, "a"));
    const secret = join(sandbox.path, "secret");
    await writeFile(secret, "only root reads this", { mode: 0o600 });
    /** Puts something in the place of a file while `look` looks. */
    const instead = async (path: string, put: (path: string) => Promise<unknown>, look: () => Promise<unknown>) => {
      await rename(path, `${path}.away`);
      await put(path);
      await look().finally(async () => {
        await rm(path);
        await rename(`${path}.away`, path);
      });
    };
    const pipe = (path: string) => promisify(execFile)("mkfifo", [path]);

    const password = join(cluster.dataDir, "superuser.password");
    const told = () => expect(cluster.superuser()).rejects.toThrow(/ELOOP|is no file|belongs to the user id 0/);
    await instead(password, (path) => symlink(secret, path), told);
    await instead(password, (path) => copyFile(secret, path), told);
    await instead(password, (path) => link(secret, path), told);
    await instead(password, pipe, told);
    await instead(join(cluster.dataDir, "global/pg_control"), pipe, () =>
      expect(readControlFile(cluster.dataDir)).rejects.toThrow(ControlFileLostError),
    );

    const log = join(sandbox.path, "a/database/postgres.log");
    for (const put of [pipe, (path: string) => link(secret, path)])
      await instead(log, put, () => expect(cluster.start()).rejects.toThrow(/ENXIO|no file of its own/));
    const folder = join(sandbox.path, "a/database/run");
    await rename(folder, `${folder}.away`);
    await symlink(sandbox.path, folder);
    await expect(cluster.start()).rejects.toThrow("is not a folder");
    await rm(folder);
    await rename(`${folder}.away`, folder);
    for (const path of [secret, sandbox.path]) expect((await stat(path)).uid, path).toBe(0);

    const lock = join(cluster.dataDir, "postmaster.pid");
    await pipe(lock);
    expect(await findPostmaster(cluster.dataDir)).toBeUndefined();
    await clearStalePostmaster(lock, cluster.dataDir);
    await rm(lock);
    expect((await cluster.start()).started).toBe(true);
    await cluster.stop();
  },
);

test("two that make and start the same cluster at once end up with one", async () => {
  const folder = join(sandbox.path, "raced");
  const [one, other] = await Promise.all([makeCluster(folder), makeCluster(folder)]);
  const running = await Promise.all([one.start(), other.start(), one.start(), other.start()]);
  expect(new Set(running.map(({ pid }) => pid)).size).toBe(1);
  expect(running.filter(({ started }) => started)).toHaveLength(1);
  await asSuperuser(one, running[0], (sql) => sql`select 1`);
  await Promise.all([one.stop(), other.stop()]);
  expect((await readdir(join(folder, "database"))).sort()).toEqual(["data", "postgres.log", "run"]);
});

test("what a killed init left behind is swept away by the next", async () => {
  const folder = join(sandbox.path, "swept");
  await mkdir(join(folder, "database/init-killed/data"), { recursive: true });
  await makeCluster(folder);
  expect(await readdir(join(folder, "database"))).toEqual(["data"]);
});

test("a cluster that cannot start says why at once, in PostgreSQL's words", async () => {
  const cluster = await makeCluster(join(sandbox.path, "a"), { settings: { shared_buffers: "many" } });
  const since = Date.now();
  await expect(cluster.start()).rejects.toThrow(
    /cannot start[\s\S]*invalid value for parameter "shared_buffers": "many"/,
  );
  expect(Date.now() - since).toBeLessThan(2_000);
});

test.each(["long/".repeat(30), "odd, 'name'"])("a path that no socket takes is no obstacle: %s", async (name) => {
  const cluster = await makeCluster(join(sandbox.path, name));
  const running = await cluster.start();
  expect(running.host).not.toContain(sandbox.path);
  expect((await stat(running.host)).mode & 0o777).toBe(0o700);
  await asSuperuser(cluster, running, (sql) => sql`select 1`);
  // Found again by whoever adopts it, and gone afterwards.
  expect((await cluster.start()).host).toBe(running.host);
  await cluster.stop();
  await expect(stat(running.host)).rejects.toThrow("ENOENT");
  await expect(cluster.start(AbortSignal.abort())).rejects.toThrow("aborted");
  await expect(stat(running.host)).rejects.toThrow("ENOENT");
});
