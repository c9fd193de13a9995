/** Primaries that have failed: what a restart and a failover make of each. */
import { access, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parsePosition } from "../../src/postgres/control-file.js";
import { clock, untilEnded, untilStreaming } from "../support/ground.js";
import { eventually, processesIn } from "../support/sandbox.js";
import { useFailedPair } from "./failed-pair.js";

const { pair, reboot, run, findings } = useFailedPair();
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
