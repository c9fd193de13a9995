/** Postern's own database: who may use it, and that it survives what kills Postern. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { expect, onTestFinished, test } from "vitest";
import { type EmbeddedOptions, startEmbedded } from "../../src/cli/embedded.js";
import { createLog } from "../../src/log.js";
import { eventually, processesIn, UNSYNCED, useSandbox } from "../support/sandbox.js";

const sandbox = useSandbox();
const start = (wanted: Pick<EmbeddedOptions, "dataDir" | "createDatabases" | "onLost">) =>
  startEmbedded({ log: createLog("silent"), settings: UNSYNCED, ...wanted });

/** One statement as the role `postern`. */
async function run(options: Awaited<ReturnType<typeof startEmbedded>>["options"], statement: string) {
  const sql = postgres({ ...options, max: 1, onnotice: () => {} });
  try {
    return await sql.unsafe(statement);
  } finally {
    await sql.end({ timeout: 0 });
  }
}

const postmasterPid = async (dataDir: string) =>
  Number.parseInt(await readFile(join(dataDir, "database/data/postmaster.pid"), "utf8"), 10);

test("the role owns its database and nothing more, and its rows survive a restart", async () => {
  const dataDir = join(sandbox.path, "a");
  const first = await start({ dataDir });
  expect(first).toMatchObject({ dataDir, options: { database: "postern", username: "postern" } });
  const [role] = await run(
    first.options,
    "select rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls from pg_roles where rolname = current_user",
  );
  expect(Object.values(role!)).toEqual([false, false, false, false, false]);
  await expect(run(first.options, "create database other")).rejects.toThrow("permission denied");
  await expect(run({ ...first.options, password: "wrong" }, "select 1")).rejects.toThrow("authentication failed");
  await run(first.options, "create table notes as select 'kept' as text");
  await first.stop();

  const second = await start({ dataDir, createDatabases: true });
  expect(await run(second.options, "select text from notes")).toEqual([{ text: "kept" }]);
  await run(second.options, "create database other");
  expect(second.options.password).not.toBe(first.options.password);
  await second.stop();
  expect(await processesIn(sandbox.path)).toEqual([]);
});

test("of all who start in one folder, at once or later, one gets it, works on, and the others are refused", async () => {
  const dataDir = join(sandbox.path, "raced");
  const first = [start({ dataDir }), start({ dataDir })];
  const winner = await Promise.any(first);
  const all = await Promise.allSettled([...first, start({ dataDir })]);
  const refusals = all.flatMap((one) => (one.status === "rejected" ? [one.reason.message] : []));
  const refusal = `Another Postern uses the data folder ${dataDir}. Stop that one first, or give this one another data folder.`;
  expect(refusals).toEqual([refusal, refusal]);
  expect(await run(winner.options, "select 1 as one")).toEqual([{ one: 1 }]);
  await winner.stop();
});

test("a successor that starts while the first stops gets the folder", async () => {
  const dataDir = join(sandbox.path, "a");
  const first = await start({ dataDir });
  await run(first.options, "create table letters as select 'kept' as text");
  const [second] = await Promise.all([start({ dataDir }), first.stop()]);
  expect(await run(second.options, "select text from letters")).toEqual([{ text: "kept" }]);
  await second.stop();
});

test("after kill -9 of Postern's whole process group, the next one adopts the database within 4 s", async () => {
  const dataDir = join(sandbox.path, "a");
  const program = fileURLToPath(new URL("hold-database.ts", import.meta.url));
  const first = spawn(process.execPath, ["--import", "tsx", program, dataDir], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void first.kill("SIGKILL"));
  await once(first.stdout, "data");
  const pid = await postmasterPid(dataDir);
  process.kill(-first.pid!, "SIGKILL");
  await once(first, "exit");
  expect(() => process.kill(pid, 0), "the database runs on").not.toThrow();

  const since = Date.now();
  const second = await start({ dataDir });
  expect(Date.now() - since).toBeLessThan(4_000);
  expect(await postmasterPid(dataDir)).toBe(pid);
  expect(await run(second.options, "select text from mails")).toEqual([{ text: "kept" }]);
  await second.stop();
});

test("when the database is killed under a running Postern, it comes back and is still claimed", async () => {
  const dataDir = join(sandbox.path, "a");
  const first = await start({ dataDir });
  const pid = await postmasterPid(dataDir);
  process.kill(pid, "SIGKILL");
  await eventually(() => run(first.options, "select 1").catch(() => false));
  expect(await postmasterPid(dataDir)).not.toBe(pid);
  await eventually(async () => {
    const claims = await run(first.options, "select from pg_locks where locktype = 'advisory' and granted");
    return claims.length === 1;
  });
  await first.stop();
});

test("whoever loses the claim to another one is told, tries no more, and leaves the database running", async () => {
  const dataDir = join(sandbox.path, "a");
  const { promise: lost, resolve: onLost } = Promise.withResolvers<void>();
  const first = await start({ dataDir, onLost });
  const password = (await readFile(join(dataDir, "database/data/superuser.password"), "utf8")).trim();
  const { path } = first.options;
  const sql = postgres({ path, username: "postgres", database: "postgres", password, max: 2, onnotice: () => {} });
  onTestFinished(() => sql.end({ timeout: 0 }));
  const [held] =
    await sql`select pid, (classid::bigint << 32 | objid::bigint)::text as key from pg_locks where locktype = 'advisory'`;
  const other = await sql.reserve();
  const takes = other`select pg_advisory_lock(${held?.key}::bigint)`.execute();
  await eventually(
    async () => (await sql`select from pg_locks where locktype = 'advisory' and not granted`).length === 1,
  );
  await sql`select pg_terminate_backend(${held?.pid})`;
  await takes;
  await lost;
  await first.stop();
  expect(await other`select 1 as still`).toEqual([{ still: 1 }]);
  other.release();
  await sql.end({ timeout: 0 });
  await (await start({ dataDir })).stop();
});

test("stop() is heeded even while the database is being brought back", async () => {
  const dataDir = join(sandbox.path, "a");
  const first = await start({ dataDir });
  process.kill(await postmasterPid(dataDir), "SIGKILL");
  await first.stop();
  expect(await processesIn(sandbox.path)).toEqual([]);
});

test("a start that fails half-way stops what it started", async () => {
  const dataDir = join(sandbox.path, "a");
  await (await start({ dataDir })).stop();
  const passwordFile = join(dataDir, "database/data/superuser.password");
  const password = await readFile(passwordFile);
  await writeFile(passwordFile, "wrong");
  await expect(start({ dataDir })).rejects.toThrow("password authentication failed");
  expect(await processesIn(sandbox.path)).toEqual([]);
  await writeFile(passwordFile, password);
  await (await start({ dataDir })).stop();
});
