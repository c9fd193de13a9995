/** The figures of a plan are those of the cluster itself, and a plan does not wait for a primary that does not answer. */
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { findPostmaster } from "../../../../src/postgres/postmaster.js";
import type { LocalProvider } from "../../../../src/providers/local.js";
import { type Client, testApp } from "../../../support/app.js";
import { planned } from "../../../support/fleet-app.js";
import { idOf, NEW, query, untilStreaming, useGround } from "../../../support/ground.js";
import { eventually, processesIn, UNSYNCED } from "../../../support/sandbox.js";

const identifier = "pair-test";
const ground = useGround();
let provider: LocalProvider;
let providerId: string;
let dba: Client;
const app = testApp({}, async () => {
  provider = await ground.open({ settings: { ...UNSYNCED, max_prepared_transactions: "2" } });
  await provider.create({ ...NEW, identifier, standby: true, backupRetentionDays: 0 });
  providerId = await idOf(provider, identifier);
  return [provider];
});
beforeAll(async () => {
  dba = await app.as("dba");
  await untilStreaming(provider, identifier);
});
afterAll(async () => {
  await provider.stopAll();
  expect(await processesIn(ground.path), "processes left behind").toEqual([]);
});

const FIELDS =
  "accepted figures { activeSessions oldTransactions preparedTransactions replicationLagBytes replicationLagSeconds }";
const plan = () => planned(dba, "createSnapshot", { instanceId: identifier }, FIELDS);
const figures = async () => (await plan()).figures;
const primary = <T>(work: Parameters<typeof query<T>>[2]) => query(provider, identifier, work);
const IDLE = { activeSessions: 0, oldTransactions: 0, preparedTransactions: 0 };

/** The server itself may write at any time. */
const untilIdle = () =>
  eventually(async () => {
    const seen = await figures();
    return seen.replicationLagBytes === 0 && seen.activeSessions === 0 && seen;
  }, 20_000);

it("nothing goes on at first", async () => {
  expect(await untilIdle()).toEqual({ ...IDLE, replicationLagBytes: 0, replicationLagSeconds: 0 });
});

it("without a standby nothing lags", async () => {
  await provider.create({ ...NEW, identifier: "alone" });
  const alone = await provider.figures(await idOf(provider, "alone"));
  expect(alone).toEqual({ ...IDLE, replicationLagBytes: null, replicationLagSeconds: null });
});

it("sessions that run a statement, and transactions that are old or prepared, are counted", async () => {
  await primary(async (sql) => {
    const ran = sql`select pg_sleep(60)`.catch(() => "cancelled");
    await eventually(async () => (await figures()).activeSessions === 1);
    // It is not a minute old. By a shorter measure it is, to a provider that has the servers from now on.
    expect(await figures()).toMatchObject({ ...IDLE, activeSessions: 1 });
    provider = await ground.open({ limits: { oldTransactionMs: 0 } });
    expect(await provider.figures(providerId)).toMatchObject({ ...IDLE, activeSessions: 1, oldTransactions: 1 });
    await primary(
      (other) =>
        other`select pg_cancel_backend(pid) from pg_stat_activity where query like '%pg_sleep(60)' and pid <> pg_backend_pid()`,
    );
    expect(await ran).toBe("cancelled");
  });
  await primary((sql) => sql.unsafe("begin; create table notes (n int); prepare transaction 'waits'"));
  expect(await figures()).toMatchObject({ ...IDLE, preparedTransactions: 1 });
  await primary((sql) => sql.unsafe("commit prepared 'waits'"));
  expect(await untilIdle()).toMatchObject(IDLE);
});

it("what a standby has not replayed is its lag, until it has", async () => {
  const { members } = (await provider.describe(providerId))!;
  const { port } = members.find(({ role }) => role === "STANDBY")!.endpoint!;
  const onStandby = (command: string) => query(provider, identifier, (sql) => sql.unsafe(command), { port });
  await onStandby("select pg_wal_replay_pause()");
  await primary((sql) => sql`insert into notes select generate_series(1, 1000)`);
  const [row] = await primary(
    (sql) => sql`select pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::float8 as bytes from pg_stat_replication`,
  );
  expect(row?.bytes).toBeGreaterThan(50_000);
  const { replicationLagBytes } = await figures();
  expect(replicationLagBytes).toBeGreaterThanOrEqual(row?.bytes);
  await onStandby("select pg_wal_replay_resume()");
  expect(await untilIdle()).toMatchObject({ replicationLagBytes: 0, replicationLagSeconds: 0 });
});

it("of a primary that does not answer there are none, and the plan comes all the same", async () => {
  const folder = `${ground.path}/fleet/instances/${providerId}/members/a/data`;
  const { pid } = (await findPostmaster(folder))!;
  process.kill(pid, "SIGSTOP");
  onTestFinished(() => void process.kill(pid, "SIGCONT"));
  const beganMs = performance.now();
  expect(await plan()).toEqual({ accepted: true, figures: null });
  expect(performance.now() - beganMs).toBeLessThan(8_000);
});
