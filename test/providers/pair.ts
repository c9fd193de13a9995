/** A primary with its standby, called `pair`, for tests that hurt it: who is who, and whether it is whole again. */
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { findPostmaster } from "../../src/postgres/postmaster.js";
import type { LocalProvider, LocalProviderOptions } from "../../src/providers/local.js";
import type { OperationRequest } from "../../src/providers/provider.js";
import {
  INTENT,
  idOf,
  NEW,
  newOperationId,
  query,
  snapshotOf,
  untilStreaming,
  useGround,
  writablePorts,
} from "../support/ground.js";
import { eventually, processesIn } from "../support/sandbox.js";

export type Pair = ReturnType<typeof usePair>;

/** Made before the tests of the calling file, with the table `notes (n int)`; nothing of it runs after them. */
export function usePair(facts: Partial<Parameters<LocalProvider["create"]>[0]> = {}) {
  const ground = useGround();
  const pair = {
    ground,
    provider: undefined as unknown as LocalProvider,
    id: "",
    /** How many rows `notes` shall have. */
    rows: 0,
    open: (options: Partial<LocalProviderOptions> = {}) =>
      ground.open({ limits: { answerTimeoutMs: 1_000, minFreeBytes: 0 }, ...options }),
    memberFolder: (name: string, ...path: string[]) =>
      join(ground.path, "fleet/instances", pair.id, "members", name, ...path),
    postmasterOf: async (name: string) => (await findPostmaster(pair.memberFolder(name, "data")))!,
    describe: async () => (await pair.provider.describe(pair.id))!,
    status: async () => (await pair.describe()).status,

    /** The names of the primary and of its standby. */
    async roles(): Promise<[string, string]> {
      const { members } = await pair.describe();
      const named = (wanted: string) => members.find(({ role }) => role === wanted)!.name.replace("pair-", "");
      return [named("PRIMARY"), named("STANDBY")];
    },

    async insert(count: number): Promise<void> {
      await query(pair.provider, "pair", (sql) => sql`insert into notes select generate_series(1, ${count}::int)`);
      pair.rows += count;
    },

    /** From now on the standby receives nothing, until its primary is fenced. */
    async holdBack(): Promise<void> {
      const senders = await query(pair.provider, "pair", (sql) => sql`select pid from pg_stat_replication`);
      expect(senders).toHaveLength(1);
      for (const { pid } of senders) process.kill(pid, "SIGSTOP");
    },

    /** The primary hangs from now on; a snapshot of it that was begun, and what else copies it, wait for its answer. @returns the snapshot's request */
    async hangDuringSnapshot(copies = 1): Promise<OperationRequest> {
      const request = { ...snapshotOf(pair.id, `of-a-hanging-one-${copies}`), operationId: newOperationId() };
      const { pid } = await pair.postmasterOf((await pair.roles())[0]);
      await query(pair.provider, "pair", async (sql) => {
        await pair.provider.start(request as OperationRequest, INTENT);
        const waits = () =>
          sql`select from pg_stat_activity where state = 'active' and query like '%pg_backup_start%' and pid <> pg_backend_pid()`;
        await eventually(async () => (await waits()).length === copies, 20_000);
      });
      process.kill(pid, "SIGSTOP");
      return request as OperationRequest;
    },

    /** From now on whoever begins to copy the primary waits, until that is fenced. */
    async holdCheckpoints(): Promise<void> {
      const [checkpointer] = await query(
        pair.provider,
        "pair",
        (sql) => sql`select pid from pg_stat_activity where backend_type = 'checkpointer'`,
      );
      process.kill(checkpointer!.pid, "SIGSTOP");
    },

    /** It is whole, with this one primary and all rows. */
    async expectWhole(primary: string): Promise<void> {
      await untilStreaming(pair.provider, "pair");
      const { status, endpoint } = await pair.describe();
      expect([status, (await pair.roles())[0]]).toEqual(["available", primary]);
      expect(await writablePorts(pair.provider, "pair")).toEqual([endpoint!.port]);
      const [found] = await query(pair.provider, "pair", (sql) => sql`select count(*)::int from notes`);
      expect(found?.count).toBe(pair.rows);
    },
  };
  beforeAll(async () => {
    pair.provider = await pair.open();
    await pair.provider.create({ ...NEW, identifier: "pair", standby: true, maxConnections: 20, ...facts });
    pair.id = await idOf(pair.provider, "pair");
    await query(pair.provider, "pair", (sql) => sql`create table notes (n int)`);
  });
  afterAll(async () => {
    await pair.provider.stopAll();
    expect(await processesIn(ground.path), "processes left behind").toEqual([]);
  });
  return pair;
}
