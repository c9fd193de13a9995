/** Primaries that have failed, and those that only turn Postern away: what a restart and a failover make of each. */
import { spawn } from "node:child_process";
import { access, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Sql } from "postgres";
import { expect, onTestFinished, test } from "vitest";
import { findBinaries } from "../../src/postgres/binaries.js";
import { parsePosition } from "../../src/postgres/control-file.js";
import { databaseUser } from "../../src/postgres/os-user.js";
import { clock, listAll, operate, query, rebootOf, untilEnded, untilStreaming } from "../support/ground.js";
import { eventually, processesIn } from "../support/sandbox.js";
import { usePair } from "./pair.js";

const pair = usePair();
const {
  memberFolder,
  postmasterOf,
  roles,
  insert,
  holdBack,
  holdCheckpoints,
  hangDuringSnapshot,
  expectWhole,
  status,
} = pair;
const reboot = (forceFailover = false) => operate(pair.provider, rebootOf(pair.id, forceFailover));
const run = <T>(work: (sql: Sql) => Promise<T>) => query(pair.provider, "pair", work);

const findings = async () => (await pair.describe()).findings.map(({ kind, severity }) => [kind, severity]);

test("a frozen primary is restarted, and told to have failed before", async () => {
  await insert(10);
  process.kill((await postmasterOf("a")).pid, "SIGSTOP");
  expect(await status()).toBe("failed");
  const end = await reboot();
  expect(end).toMatchObject({ state: "succeeded", message: expect.stringMatching(/does not answer/) });
  await expectWhole("a");
});

test("what runs on a primary that has failed holds its reboot not back, and is given up", async () => {
  await untilStreaming(pair.provider, "pair");
  const [primary] = await roles();
  await holdCheckpoints();
  const snapshot = await hangDuringSnapshot();
  expect(await status()).toBe("failed");
  expect(await reboot()).toMatchObject({ state: "succeeded", result: { failedOver: false } });
  expect(await untilEnded(pair.provider, snapshot)).toMatchObject({
    state: "failed",
    failure: { code: "PrimaryLost", message: "The primary failed meanwhile, and is rebooted." },
  });
  await expectWhole(primary);
});

test("a stop waits for nothing that a frozen primary holds up", async () => {
  await untilStreaming(pair.provider, "pair");
  const [primary, standby] = await roles();
  process.kill((await postmasterOf(standby)).pid, "SIGKILL");
  await rm(memberFolder(standby, "data"), { recursive: true });
  await holdCheckpoints();
  await pair.provider.repair();
  const snapshot = await hangDuringSnapshot(2);
  await pair.provider.stopAll();
  expect(await processesIn(pair.memberFolder("."))).toEqual([]);
  pair.provider = await pair.open();
  await pair.provider.startAll();
  expect(await untilEnded(pair.provider, snapshot)).toMatchObject({ failure: { code: "Interrupted" } });
  await expectWhole(primary);
});

test("a primary whose stop a client holds up is told after a minute to have failed, and rebooted", async () => {
  await untilStreaming(pair.provider, "pair");
  const [primary] = await roles();
  await run(async (sql) => {
    await sql`select`;
    process.kill((await postmasterOf(primary)).pid, "SIGTERM");
    await eventually(async () => (await status()) === "starting");
    clock.offsetMs += 61_000;
    expect(await status()).toBe("failed");
    expect(await findings()).toContainEqual(["primary_not_ready", "CRITICAL"]);
    expect(await reboot()).toMatchObject({ state: "succeeded" });
  });
  await expectWhole(primary);
  expect(await findings()).toEqual([]);
});

test.each(["SIGSTOP", "SIGKILL"] as const)(
  "a primary hit by %s hands over what its standby never received",
  async (signal) => {
    await untilStreaming(pair.provider, "pair");
    const [primary, standby] = await roles();
    await holdBack();
    await insert(20_000);
    process.kill((await postmasterOf(primary)).pid, signal);
    await eventually(async () => (await status()) === "failed");
    const end = await reboot(true);
    expect(end).toMatchObject({
      state: "succeeded",
      message: expect.stringMatching(/Nothing is lost/),
      result: { failedOver: true, primary: `pair-${standby}`, missingFrom: null, keptAt: null },
    });
    await expectWhole(standby);
    expect((await readdir(memberFolder(primary))).filter((name) => name.startsWith("kept"))).toEqual([]);
  },
);

test("without its pg_wal a primary's rows are lost from a position that is told; its data are kept aside, the newest only", async () => {
  const kept: string[] = [];
  const [first] = await roles();
  for (let round = 1; round <= 3; round++) {
    await untilStreaming(pair.provider, "pair");
    const [primary, standby] = await roles();
    await holdBack();
    const [lost] = await run(
      (sql) => sql`insert into notes values (0) returning pg_current_wal_insert_lsn()::text as at`,
    );
    process.kill((await postmasterOf(primary)).pid, "SIGKILL");
    await rename(memberFolder(primary, "data/pg_wal"), memberFolder(primary, `wal-${round}`));
    const end = await reboot(true);
    expect(end).toMatchObject({ state: "succeeded", result: { primary: `pair-${standby}` } });
    if (end.state !== "succeeded") return;
    const { missingFrom, keptAt } = end.result as { missingFrom: string; keptAt: string };
    expect(end.message).toContain(`What the old primary had written from ${missingFrom} on is lost.`);
    expect(end.message).toContain(`is kept in ${keptAt}.`);
    await access(join(keptAt, "base"));
    expect(parsePosition(missingFrom)).toBeLessThanOrEqual(parsePosition(String(lost?.at)));
    await expectWhole(standby);
    await access(join(keptAt, "base"));
    if (primary === first) kept.push(keptAt.split("/").at(-1)!);
  }
  expect(kept).toHaveLength(2);
  expect((await readdir(memberFolder(first))).filter((name) => name.startsWith("kept"))).toEqual([kept[1]]);
});

test("a primary whose data folder is gone cannot be restarted, but its standby takes over", async () => {
  await untilStreaming(pair.provider, "pair");
  const [primary, standby] = await roles();
  const { pid } = await postmasterOf(primary);
  await rename(memberFolder(primary, "data"), memberFolder(primary, "elsewhere"));
  expect(await status()).toBe("failed");
  expect(await reboot()).toMatchObject({
    state: "failed",
    resourceStatus: "failed",
    failure: {
      code: "StartFailed",
      message: "pair-b cannot be started. Its data folder is gone. Reboot with forceFailover: its standby takes over.",
    },
  });
  const end = await reboot(true);
  expect(end).toMatchObject({
    state: "succeeded",
    message: expect.stringMatching(/data folder is gone.*is lost. The old data are gone/),
    result: { primary: `pair-${standby}`, missingFrom: expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/), keptAt: null },
  });
  expect(await processesIn(memberFolder(primary, "data"))).not.toContain(pid);
  await expectWhole(standby);
});

/** Somebody makes the standby take writes. */
async function promoteByHand(standby: string): Promise<void> {
  const { port } = await postmasterOf(standby);
  await query(pair.provider, "pair", (sql) => sql`select pg_promote()`, { port });
  await query(pair.provider, "pair", (sql) => sql`insert into notes values (0)`, { port });
  pair.rows += 1;
}

/** Whatever looks at the pair leaves the member alone that was promoted by hand, and starts nothing beside it. */
async function expectLeft(primary: string, promoted: string): Promise<void> {
  const { pid } = await postmasterOf(promoted);
  expect(await pair.provider.watch()).toEqual([]);
  await pair.provider.repair();
  pair.provider = await pair.open();
  await pair.provider.startAll();
  expect(await pair.provider.watch()).toEqual([]);
  expect((await postmasterOf(promoted)).pid).toBe(pid);
  expect(await postmasterOf(primary)).toBeUndefined();
  expect(await roles()).toEqual([primary, promoted]);
  expect(await status()).toBe("failed");
  expect(await findings()).toContainEqual(["standby_promoted", "CRITICAL"]);
}

test("a standby that was promoted by hand because the data of its primary are gone is left alone, and adopted by a failover", async () => {
  await untilStreaming(pair.provider, "pair");
  const [primary, standby] = await roles();
  process.kill((await postmasterOf(primary)).pid, "SIGKILL");
  await eventually(async () => (await postmasterOf(primary)) === undefined);
  await promoteByHand(standby);
  await rename(memberFolder(primary, "data"), memberFolder(primary, "gone"));
  await expectLeft(primary, standby);
  expect(await reboot()).toMatchObject({ state: "failed", failure: { code: "StartFailed" } });
  const { pid } = await postmasterOf(standby);
  const end = await reboot(true);
  expect(end).toMatchObject({
    state: "succeeded",
    result: { failedOver: true, primary: `pair-${standby}`, missingFrom: expect.any(String), keptAt: null },
  });
  expect((await postmasterOf(standby)).pid, "it served on meanwhile").toBe(pid);
  await expectWhole(standby);
  expect((await findings()).map(([kind]) => kind)).not.toContain("standby_promoted");
});

test("a primary is not started beside one that was promoted by hand, until people have ended that one", async () => {
  await untilStreaming(pair.provider, "pair");
  const [primary, standby] = await roles();
  process.kill((await postmasterOf(primary)).pid, "SIGKILL");
  await eventually(async () => (await postmasterOf(primary)) === undefined);
  await promoteByHand(standby);
  await expectLeft(primary, standby);
  expect(await reboot()).toMatchObject({
    state: "failed",
    failure: { code: "InvalidDBInstanceState", message: expect.stringMatching(/reboot with forceFailover/) },
  });
  process.kill((await postmasterOf(standby)).pid, "SIGKILL");
  await eventually(async () => (await postmasterOf(standby)) === undefined);
  expect(await reboot()).toMatchObject({ state: "succeeded", result: { primary: `pair-${primary}` } });
  pair.rows -= 1;
  await expectWhole(primary);
  expect(await findings()).toContainEqual(["split_brain", "CRITICAL"]);
});

const turnedAway = {
  "a changed password": async () => {
    const { password } = await pair.provider.connectionOf("pair");
    await run((sql) => sql.unsafe("alter role postgres password 'changed meanwhile'"));
    return async () => {
      const [primary] = await roles();
      const file = memberFolder(primary, "data/superuser.password");
      await writeFile(file, "changed meanwhile");
      await run((sql) => sql.unsafe(`alter role postgres password '${password}'`));
      await writeFile(file, password);
    };
  },
  "rules that let nobody in": async () => {
    const change = async (to: (text: string) => string) => {
      const files = ["a", "b"].map((name) => memberFolder(name, "data/pg_hba.conf"));
      for (const file of files)
        await readFile(file, "utf8").then(
          (text) => writeFile(file, to(text)),
          () => {},
        );
      for (const server of await Promise.all(["a", "b"].map(postmasterOf)))
        if (server) process.kill(server.pid, "SIGHUP");
    };
    await change((text) => `local all all reject\nhost all all all reject\n${text}`);
    return () => change((text) => text.replace(/^local all all reject\nhost all all all reject\n/, ""));
  },
};

test.each(Object.entries(turnedAway))(
  "a primary with %s has not failed: it is restarted by signal, and fails over",
  async (_what, turnAway) => {
    await untilStreaming(pair.provider, "pair");
    await insert(10);
    const [primary, standby] = await roles();
    const letIn = await turnAway();
    const isRefused = () =>
      run((sql) => sql`select`).then(
        () => false,
        () => true,
      );
    await eventually(isRefused);
    expect(await status()).toBe("available");
    expect((await pair.describe()).findings[0]).toMatchObject({ kind: "login_refused", subject: `pair-${primary}` });
    await pair.provider.repair();
    const before = await postmasterOf(primary);
    expect(await reboot()).toMatchObject({ state: "succeeded", resourceStatus: "available" });
    expect((await postmasterOf(primary)).run).not.toBe(before.run);
    expect(await status()).toBe("available");
    const end = await reboot(true);
    expect(end).toMatchObject({ state: "succeeded", result: { primary: `pair-${standby}`, missingFrom: null } });
    expect(await isRefused()).toBe(true);
    await letIn();
    await pair.provider.repair();
    await expectWhole(standby);
  },
);

test("a primary without a connection to spare has not failed, and a restart frees it", async () => {
  await untilStreaming(pair.provider, "pair");
  const [primary] = await roles();
  const held: Promise<unknown>[] = [];
  const hold = () => void held.push(run((sql) => sql`select pg_sleep(60)`).catch(() => {}));
  for (let n = 0; n < 25; n++) hold();
  await eventually(async () => {
    const isFull = await run((sql) => sql`select`).then(
      () => false,
      ({ code }) => code === "53300",
    );
    // Somebody else had one while these were taken.
    if (!isFull) hold();
    return isFull;
  });
  expect(await status()).toBe("available");
  expect((await pair.describe()).findings[0]).toMatchObject({ kind: "connections_exhausted" });
  expect(await reboot()).toMatchObject({ state: "succeeded" });
  await Promise.all(held);
  await expectWhole(primary);
});

test("a primary that somebody started by hand is seen, left alone, and down before its standby takes over", async () => {
  await untilStreaming(pair.provider, "pair");
  const [primary, standby] = await roles();
  const { pid, port } = await postmasterOf(primary);
  process.kill(pid, "SIGKILL");
  await eventually(async () => (await postmasterOf(primary)) === undefined);
  const user = await databaseUser();
  const args = ["-D", "data/", "-k", "/tmp", "-c", `port=${port + 1_000}`];
  const byHand = spawn(join(await findBinaries(user), "postgres"), args, {
    uid: user.uid,
    gid: user.gid,
    cwd: memberFolder(primary),
    stdio: "ignore",
  });
  onTestFinished(() => void byHand.kill("SIGKILL"));
  await eventually(async () => (await postmasterOf(primary))?.isReady && (await status()) === "available");
  expect((await pair.describe()).findings).toContainEqual(
    expect.objectContaining({ kind: "listens_elsewhere", subject: `pair-${primary}` }),
  );
  await pair.provider.repair();
  expect((await postmasterOf(primary)).pid).toBe(byHand.pid);
  process.kill(byHand.pid!, "SIGSTOP");
  expect(await reboot(true)).toMatchObject({
    state: "succeeded",
    result: { primary: `pair-${standby}`, missingFrom: null },
  });
  expect(byHand.signalCode).toBe("SIGKILL");
  await expectWhole(standby);
});

test("a rebuild that was cut short after the old data were put aside is made again, and they stay as they were", async () => {
  await untilStreaming(pair.provider, "pair");
  const [primary, standby] = await roles();
  const keep = "kept-failover-20200101T000000Z";
  await mkdir(memberFolder(standby, keep));
  await writeFile(memberFolder(standby, keep, "left"), "");
  const file = memberFolder(standby, "../../instance.json");
  const text = await readFile(file, "utf8");
  const instance = JSON.parse(text) as { members: { name: string }[] };
  const members = instance.members.map((one) => (one.name === standby ? { ...one, stale: true, keep } : one));
  await writeFile(file, JSON.stringify({ ...instance, members }));
  await pair.provider.repair();
  await expectWhole(primary);
  expect(await readdir(memberFolder(standby, keep))).toEqual(["left"]);
  await rm(memberFolder(standby, keep), { recursive: true });
});

test("a primary whose control file is gone blinds nobody: it has failed, is not restarted, and its standby takes over", async () => {
  await untilStreaming(pair.provider, "pair");
  await insert(10);
  const [primary, standby] = await roles();
  await rename(memberFolder(primary, "data/global"), memberFolder(primary, "global"));
  expect((await listAll(pair.provider)).map(({ status }) => status)).toEqual(["failed"]);
  expect(await reboot()).toMatchObject({
    state: "failed",
    resourceStatus: "failed",
    failure: { code: "StartFailed", message: expect.stringMatching(/control file is gone.*forceFailover/) },
  });
  const end = await reboot(true);
  expect(end).toMatchObject({
    state: "succeeded",
    message: expect.stringMatching(/is kept in/),
    result: { primary: `pair-${standby}` },
  });
  await expectWhole(standby);
});
