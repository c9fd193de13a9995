/** Primaries that only turn Postern away, and those that people promoted or started by hand. */
import { spawn } from "node:child_process";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findBinaries } from "../../src/postgres/binaries.js";
import { databaseUser } from "../../src/postgres/os-user.js";
import { listAll, untilStreaming } from "../support/ground.js";
import { eventually } from "../support/sandbox.js";
import { useFailedPair } from "./failed-pair.js";

const { pair, reboot, run, findings, promoteByHand, expectLeft } = useFailedPair();
const { memberFolder, postmasterOf, roles, insert, expectWhole, status } = pair;

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
